package sftpd_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pkg/sftp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/sftpd"
)

// sap is the partner of the documentation: it puts into out and fetches from in.
func sap(t *testing.T, change ...func(o *sftpd.Options)) (*door, *partner) {
	t.Helper()
	d := serveFor(t, []string{"/sap/out/products", "/sap/in/orders"}, append([]func(o *sftpd.Options){func(o *sftpd.Options) {
		u := sftpd.User{Name: "sap", KeysFile: o.Users[0].KeysFile, Write: []string{"/out/**"}, Read: []string{"/in/**"},
			Delete: []string{"/in/**"}}
		o.Users = append(o.Users, u)
	}}, change...)...)
	for name, body := range map[string]string{"sap/in/orders/ORD_1.csv": "order", "wms/stock.csv": "secret", "sap/notes.txt": "mine",
		"sap/out/products/old.csv": "old"} {
		full := filepath.Join(d.root, name)
		check(t, errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(body), 0o644)))
	}
	return d, d.partner("sap")
}

func names(t *testing.T, p *partner, folder string) []string {
	t.Helper()
	infos, err := p.ReadDir(folder)
	check(t, err)
	all := []string{}
	for _, i := range infos {
		all = append(all, i.Name())
	}
	slices.Sort(all)
	return all
}

// Where the bridge has files while it loads them there is nothing for a partner, whatever may be written around it.
func TestTheWorkFolderIsTheBridgesAlone(t *testing.T) {
	d, p := sap(t, func(o *sftpd.Options) {
		u := everything("all")
		u.KeysFile, u.Folder = o.Users[0].KeysFile, "/"
		o.Users = append(o.Users, u)
	})
	ctx := t.Context()
	check(t, d.MakeFolder(ctx, "/sap/out/products/.work"))
	check(t, d.Move(ctx, "/sap/out/products/old.csv", "/sap/out/products/.work/1-old.csv"))
	all := d.partner("all")
	for _, c := range []struct {
		who    *partner
		folder string
	}{{p, "/out/products"}, {all, "/sap/out/products"}} {
		p, work := c.who, c.folder+"/.work"
		if got := names(t, p, c.folder); slices.Contains(got, ".work") {
			t.Errorf("%s shows %v", c.folder, got)
		}
		p.put(c.folder+"/new.csv", "new")
		tries := map[string]error{
			"rename out of":   p.Rename(work+"/1-old.csv", c.folder+"/mine.csv"),
			"rename into":     p.Rename(c.folder+"/new.csv", work+"/1-old.csv"),
			"replace":         p.PosixRename(c.folder+"/new.csv", work+"/1-old.csv"),
			"rename":          p.Rename(work, c.folder+"/was"),
			"write":           p.write(work+"/2-x.csv", "x"),
			"make":            p.Mkdir(work + "/sub"),
			"delete":          p.Remove(work + "/1-old.csv"),
			"delete all":      p.RemoveDirectory(work),
			"set time":        p.Chtimes(work+"/1-old.csv", fixed, fixed),
			"by a roundabout": p.Remove(c.folder + "/x/../.work/1-old.csv"),
		}
		_, tries["stat"] = p.Stat(work)
		_, tries["lstat"] = p.Lstat(work + "/1-old.csv")
		_, tries["list"] = p.ReadDir(work)
		_, tries["read"] = p.Open(work + "/1-old.csv")
		for what, err := range tries {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %s: %v", c.folder, what, err)
			}
		}
	}
	if body, err := os.ReadFile(filepath.Join(d.root, "sap/out/products/.work/1-old.csv")); string(body) != "old" {
		t.Errorf("the file being loaded holds %q, %v", body, err)
	}
	check(t, p.Mkdir("/out/.work")) // of no feed: the partner's own
}

func TestAPartnerSeesTheOwnFolderAlone(t *testing.T) {
	_, p := sap(t)
	if got := names(t, p, "/"); !slices.Equal(got, []string{"in", "out"}) {
		t.Errorf("root: %v", got)
	}
	if got := names(t, p, "/in/orders"); !slices.Equal(got, []string{"ORD_1.csv"}) {
		t.Errorf("orders: %v", got)
	}
	for _, path := range []string{"/wms/stock.csv", "../wms/stock.csv", "/out/../../wms/stock.csv", "/../../../etc/passwd",
		"/sap/in/orders/ORD_1.csv", "/notes.txt"} {
		if f, err := p.Open(path); err == nil {
			_ = f.Close()
			t.Errorf("%s can be read", path)
		}
		if _, err := p.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("stat %s: %v", path, err)
		}
	}
}

func TestAPartnerMayDoWhatIsListed(t *testing.T) {
	d, p := sap(t)
	denied := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: %v", what, err)
		}
	}
	read := func(name string) error {
		f, err := p.Open(name)
		if err != nil {
			return err
		}
		_, err = io.ReadAll(f)
		return errors.Join(err, f.Close())
	}
	check(t, p.write("/out/products/new.csv.part", "x"))
	check(t, p.Rename("/out/products/new.csv.part", "/out/products/new.csv"))
	check(t, p.Mkdir("/out/more"))
	check(t, read("/in/orders/ORD_1.csv"))
	denied("write where one reads", p.write("/in/orders/fake.csv", "x"))
	denied("write over what one reads", p.write("/in/orders/ORD_1.csv", "x"))
	denied("write at the top", p.write("/top.csv", "x"))
	denied("read what one wrote", read("/out/products/new.csv"))
	denied("delete where one writes", p.Remove("/out/products/old.csv"))
	denied("make a folder", p.Mkdir("/in/mine"))
	denied("rename to where one may nothing", p.Rename("/in/orders/ORD_1.csv", "/done.csv"))
	denied("cut", p.Truncate("/in/orders/ORD_1.csv", 0))
	denied("put a file by renaming it", p.Rename("/out/products/new.csv", "/in/orders/fake.csv"))
	denied("put a file over an order", p.PosixRename("/out/products/new.csv", "/in/orders/ORD_1.csv"))
	denied("rename a folder of the config", p.Rename("/out/products", "/out/gone"))
	denied("rename above one", p.Rename("/out", "/in/gone"))
	denied("remove a folder of the config", p.RemoveDirectory("/in/orders"))
	denied("link", p.Link("/in/orders/ORD_1.csv", "/out/hard.csv"))
	denied("symlink", p.Symlink("/etc/passwd", "/out/soft"))
	denied("change owners", p.Chown("/out/products/new.csv", 0, 0))
	check(t, p.Mkdir("/out/more/deep"))
	check(t, p.Rename("/in/orders/ORD_1.csv", "/in/orders/ORD_1.done"))
	check(t, p.Remove("/in/orders/ORD_1.done"))
	f, err := p.OpenFile("/out/both.csv", os.O_RDWR|os.O_CREATE)
	check(t, err)
	_, err = f.Write([]byte("x"))
	check(t, err)
	if _, err := f.ReadAt(make([]byte, 1), 0); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("read by a handle for both: %v", err)
	}
	check(t, f.Close())
	if n := len(d.seen(bridge.PartnerRefused)); n < 15 {
		t.Errorf("%d refusals are told", n)
	}
}

func TestRename(t *testing.T) {
	d, _ := sap(t)
	p := d.partner("erp")
	p.put("a", "a")
	p.put("b", "b")
	if err := p.Rename("a", "b"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("SFTP 3 refuses a name that is taken: %v", err)
	}
	check(t, p.PosixRename("a", "b"))
	if body, _ := os.ReadFile(filepath.Join(d.root, "erp/b")); string(body) != "a" {
		t.Errorf("b holds %q", body)
	}
	if err := p.Rename("none", "c"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := p.Rename("b", "none/c"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestLinksLeadNowhere(t *testing.T) {
	d, _ := sap(t)
	p := d.partner("erp")
	outside := filepath.Join(d.dir, "outside")
	check(t, errors.Join(os.Mkdir(outside, 0o755), os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o644),
		os.Symlink(outside, filepath.Join(d.root, "erp/away")), os.Symlink("../sap/in/orders/ORD_1.csv", filepath.Join(d.root, "erp/aside")),
		os.WriteFile(filepath.Join(d.root, "erp/own.csv"), []byte("own"), 0o644), os.Symlink("own.csv", filepath.Join(d.root, "erp/inside"))))
	for _, name := range []string{"away/secret", "aside", "inside"} {
		if f, err := p.Open(name); err == nil {
			_ = f.Close()
			t.Errorf("%s can be read", name)
		}
		if err := p.write(name, "torn"); err == nil {
			t.Errorf("%s can be written", name)
		}
		if err := p.PosixRename("own.csv", name); err == nil {
			t.Errorf("something can be renamed onto %s", name)
		}
		if err := p.Chtimes(name, fixed, fixed); err == nil {
			t.Errorf("times of %s can be set", name)
		}
	}
	if err := p.Mkdir("away/new"); err == nil {
		t.Error("a folder can be made beyond a link")
	}
	if _, err := p.ReadDir("away"); err == nil {
		t.Error("a folder can be listed through a link")
	}
	if body, _ := os.ReadFile(filepath.Join(outside, "secret")); string(body) != "secret" {
		t.Error("something was written outside")
	}
	if info, err := p.Lstat("inside"); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("lstat: %v, %v", info, err)
	}
}

func TestQuotas(t *testing.T) {
	d := serve(t, func(o *sftpd.Options) { o.Users[0].Quota = sftpd.Quota{Size: 100_000, Files: 4} })
	p := d.partner("erp")
	p.put("a", strings.Repeat("a", 60_000))
	if err := p.write("b", strings.Repeat("b", 60_000)); err == nil || !strings.Contains(err.Error(), "may hold 100KB and is full") {
		t.Errorf("over the quota: %v", err)
	}
	check(t, p.Remove("b"))
	p.put("a", strings.Repeat("a", 90_000)) // in the place of the first
	check(t, p.Remove("a"))
	for i := range 4 {
		p.put(fmt.Sprint(i), "x")
	}
	for what, err := range map[string]error{"file": p.write("5", "x"), "folder": p.Mkdir("6")} {
		if err == nil || !strings.Contains(err.Error(), "may hold 4 files and is full") {
			t.Errorf("one %s too many: %v", what, err)
		}
	}
	p.put("3", "again")
}

func TestListingIsBounded(t *testing.T) {
	d := serve(t, func(o *sftpd.Options) { o.Limits.Listing = 250 })
	for i := range 251 {
		check(t, os.WriteFile(filepath.Join(d.root, "erp", fmt.Sprintf("%03d", i)), nil, 0o644))
	}
	p := d.partner("erp")
	if _, err := p.ReadDir("."); err == nil || !strings.Contains(err.Error(), "more than 250 entries") {
		t.Errorf("251 of 250: %v", err)
	}
	check(t, p.Remove("000"))
	if got := names(t, p, "."); len(got) != 250 {
		t.Errorf("%d of 250", len(got))
	}
}

func TestHandlesAreBounded(t *testing.T) {
	d := serve(t, func(o *sftpd.Options) { o.Limits.Handles = 10 })
	p := d.partner("erp")
	p.put("f", "x")
	var open []*sftp.File
	for range 10 {
		f, err := p.Open("f")
		check(t, err)
		open = append(open, f)
	}
	if _, err := p.Open("f"); err == nil || !strings.Contains(err.Error(), "more than 10 open files") {
		t.Errorf("the eleventh: %v", err)
	}
	if err := p.write("g", "x"); err == nil {
		t.Error("the eleventh, for writing")
	}
	for _, f := range open {
		check(t, f.Close())
	}
	for range 30 { // refusals cost none
		_, _ = p.Open("none")
		_ = p.write("none/f", "x")
	}
	p.put("g", "x")
}

func TestConnectionsOfOneUserAreBounded(t *testing.T) {
	d := serve(t, func(o *sftpd.Options) { o.Users[0].Connections = 2 })
	a, _ := d.partner("erp"), d.partner("erp")
	c, err := d.dial("erp")
	check(t, err)
	_, err = sftp.NewClient(c)
	if err == nil || !strings.Contains(err.Error(), "user erp has 2 connections already") {
		t.Errorf("the third: %v", err)
	}
	_ = c.Close()
	a.kill()
	until(t, "there is room again", func() bool { return len(d.seen(bridge.SessionEnded)) == 1 })
	d.partner("erp").put("f", "x")
}

func TestConnectionsInAllAreBounded(t *testing.T) {
	d := serve(t, func(o *sftpd.Options) { o.Limits.Connections = 2 })
	a, _ := d.partner("erp"), d.partner("erp")
	if _, err := d.dial("erp"); err == nil {
		t.Error("the third is let in")
	}
	if e := d.await(bridge.PartnerRefused, 1)[0]; e.Text != "Too many connections: try again later" {
		t.Errorf("it is told %q", e.Text)
	}
	a.kill()
	until(t, "there is room again", func() bool { return len(d.seen(bridge.SessionEnded)) == 1 })
	d.partner("erp").put("f", "x")
}

// Appending is what OpenSSH's server does: at the end, whatever the offsets count from.
func TestAppend(t *testing.T) {
	d := serve(t)
	p := d.partner("erp")
	for name, from := range map[string]int64{"from nought": 0, "from the end": 5} {
		p.put("f", "first")
		f, err := p.OpenFile("f", os.O_WRONLY|os.O_APPEND)
		check(t, err)
		_, err = f.WriteAt([]byte(" second"), from)
		check(t, err)
		_, err = f.WriteAt([]byte(" third"), from+7)
		check(t, errors.Join(err, f.Close()))
		if body, _ := os.ReadFile(filepath.Join(d.root, "erp/f")); string(body) != "first second third" {
			t.Errorf("%s: %q", name, body)
		}
	}
}

// A file that is cut by name is another file: the journal has its hash.
func TestACutIsTold(t *testing.T) {
	d := serve(t)
	p := d.partner("erp")
	p.put("f", "hello, world")
	check(t, p.Truncate("f", 5))
	hashes := map[string]string{}
	for _, e := range d.await(bridge.FileUploaded, 2) {
		hashes[e.SHA256] = e.File
	}
	if hashes["2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"] != "/erp/f" {
		t.Errorf("%v", hashes)
	}
}

func TestTimesAreHonoured(t *testing.T) {
	d := serve(t)
	p := d.partner("erp")
	p.put("f", "x")
	check(t, p.Chtimes("f", fixed, fixed))
	check(t, p.Chmod("f", 0))
	info, err := p.Stat("f")
	check(t, err)
	if !info.ModTime().Equal(fixed) || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.ModTime(), info.Mode())
	}
	if f, _ := d.listed("/erp", "f"); !f.MTime.Equal(fixed) {
		t.Errorf("listed: %+v", f)
	}
}
