package sftpd_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/remotetest"
	"github.com/orobridge/orobridge/bridge/sftp"
	"github.com/orobridge/orobridge/bridge/sftpd"
)

// The bridge's own side of the door is a remote like any other, while it serves partners and while it does not.
func TestConformance(t *testing.T) {
	for name, serving := range map[string]bool{"serving": true, "not serving": false} {
		t.Run(name, func(t *testing.T) {
			remotetest.Test(t, func(t *testing.T) remotetest.Place {
				if serving {
					d := serve(t, func(o *sftpd.Options) { o.Users[0].Folder = "/" })
					return remotetest.Place{Remote: d.Remote, Root: d.root, Many: 2_000}
				}
				root := filepath.Join(t.TempDir(), "door")
				r, err := sftpd.New(&sftpd.Options{Path: root}, bridge.RemoteSetup{Name: "door"})
				check(t, err)
				return remotetest.Place{Remote: r, Root: root, Many: 2_000}
			})
		})
	}
}

// Seen from outside it is an SFTP server that the bridge's own client is content with.
func TestConformanceThroughSFTP(t *testing.T) {
	remotetest.Test(t, func(t *testing.T) remotetest.Place {
		d := serve(t)
		return remotetest.Place{Remote: d.outside(), Root: filepath.Join(d.root, "erp"), Many: 3_000}
	})
}

// outside is the bridge's sftp remote, logged in as erp.
func (d *door) outside() *sftp.Remote {
	d.t.Helper()
	key, err := os.ReadFile(d.keyFile)
	check(d.t, err)
	r, err := sftp.New("sap", &sftp.Options{Address: d.address, User: "erp", PrivateKey: bridge.Secret(key), KnownHostsFile: d.known})
	check(d.t, err)
	d.t.Cleanup(func() { _ = r.Close() })
	return r
}

// listed finds a file in the bridge's listing.
func (d *door) listed(folder, name string) (bridge.File, bool) {
	d.t.Helper()
	files, err := d.List(context.Background(), folder)
	check(d.t, err)
	for _, f := range files {
		if f.Name == name {
			return f, true
		}
	}
	return bridge.File{}, false
}

// whole says whether the bridge may load a file now, by all ways to ask.
func (d *door) whole(folder, name string) bool {
	d.t.Helper()
	f, ok := d.listed(folder, name)
	if !ok {
		d.t.Fatalf("%s is not listed", name)
	}
	_, err := d.Fetch(context.Background(), folder+"/"+name, io.Discard)
	if (err == nil) == f.Writing {
		d.t.Fatalf("%s: listed as writing %t, fetched: %v", name, f.Writing, err)
	}
	if err != nil && bridge.FateOf(err) != bridge.Pause {
		d.t.Fatalf("fate of %v", err)
	}
	return err == nil
}

func slow(window time.Duration) func(o *sftpd.Options) {
	return func(o *sftpd.Options) { o.Stable = bridge.Duration(window) }
}

// Whoever ends the server first, the other finds it ended.
func TestClosingAndEndingMeet(t *testing.T) {
	for i := range 60 {
		r, err := sftpd.New(&sftpd.Options{Listen: "127.0.0.1:0", Path: filepath.Join(t.TempDir(), "door"), HostKeys: []string{hostKey(t)}},
			bridge.RemoteSetup{Name: "door"})
		check(t, err)
		if i%2 == 0 {
			check(t, r.Listen(t.Context()))
		}
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- r.Serve(ctx) }()
		if i%4 < 2 {
			go stop()
		}
		check(t, r.Close())
		stop()
		check(t, <-served)
	}
}

func TestRenameIsTheMomentOfImport(t *testing.T) {
	d := serve(t, slow(time.Hour))
	p := d.partner("erp")
	check(t, p.Mkdir("out"))
	wake, err := d.Watch(t.Context(), "/erp/out")
	check(t, err)
	<-wake // at first
	p.put("out/p.csv.part", "whole")
	if d.whole("/erp/out", "p.csv.part") {
		t.Error("a file that was closed a moment ago is taken for whole")
	}
	check(t, p.Rename("out/p.csv.part", "out/p.csv"))
	select {
	case <-wake:
	case <-time.After(time.Minute):
		t.Fatal("the rename woke nobody")
	}
	if !d.whole("/erp/out", "p.csv") {
		t.Error("a renamed file needs no window")
	}
	check(t, p.Chtimes("out/p.csv", time.Unix(1e9, 0), time.Unix(1e9, 0)))
	if d.whole("/erp/out", "p.csv") {
		t.Error("setstat begins the window anew")
	}
}

func TestAClosedFileWaits(t *testing.T) {
	const window = 300 * time.Millisecond
	d := serve(t, slow(window))
	p := d.partner("erp")
	check(t, p.Mkdir("out"))
	wake, err := d.Watch(t.Context(), "/erp/out")
	check(t, err)
	<-wake
	closed := time.Now()
	p.put("out/p.csv", "one")
	if d.whole("/erp/out", "p.csv") && time.Since(closed) < window {
		t.Error("closed, and taken for whole at once")
	}
	<-wake
	if since := time.Since(closed); since < window || !d.whole("/erp/out", "p.csv") {
		t.Errorf("woken after %v, whole %t", since, d.whole("/erp/out", "p.csv"))
	}
}

func TestAnOpenFileIsNeverLoaded(t *testing.T) {
	d := serve(t)
	p := d.partner("erp")
	f, err := p.Create("p.csv.part")
	check(t, err)
	_, err = f.Write([]byte("half"))
	check(t, err)
	if d.whole("/erp", "p.csv.part") {
		t.Error("a file with an open handle is whole")
	}
	// Some clients rename before they close.
	check(t, p.Rename("p.csv.part", "p.csv"))
	if d.whole("/erp", "p.csv") {
		t.Error("a file with an open handle is whole once it is renamed")
	}
	if err := d.Move(t.Context(), "/erp/p.csv", "/erp/q.csv"); err == nil || bridge.FateOf(err) != bridge.Pause {
		t.Errorf("moved while it is open: %v", err)
	}
	_, err = f.Write([]byte(" and half"))
	check(t, err)
	check(t, f.Close())
	if !d.whole("/erp", "p.csv") {
		t.Error("closed, and not whole")
	}
	if got, _ := os.ReadFile(filepath.Join(d.root, "erp/p.csv")); string(got) != "half and half" {
		t.Errorf("holds %q", got)
	}
}

func TestADeadConnectionLeavesNothingToLoad(t *testing.T) {
	d := serve(t)
	for name, end := range map[string]func(p *partner, name string){
		"replaced": func(p *partner, name string) { p.put(name, "whole now") },
		"resumed": func(p *partner, name string) {
			f, err := p.OpenFile(name, os.O_WRONLY)
			check(t, err)
			_, err = f.WriteAt([]byte(" now"), 5)
			check(t, errors.Join(err, f.Close()))
		},
		"replaced by rename": func(p *partner, name string) {
			p.put("new", "whole now")
			check(t, p.PosixRename("new", name))
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := d.partner("erp")
			file := strings.ReplaceAll(name, " ", "_")
			f, err := p.Create(file)
			check(t, err)
			_, err = f.Write([]byte("whole"))
			check(t, err)
			p.kill()
			until(t, "the upload ended", func() bool {
				return slices.ContainsFunc(d.seen(bridge.FileUploaded), func(e *bridge.Event) bool { return e.File == "/erp/"+file && e.Visit.Broken })
			})
			if d.whole("/erp", file) {
				t.Fatal("half a file is whole")
			}
			p = d.partner("erp")
			// Opening it and closing it again makes it no better, nor does another name.
			f, err = p.OpenFile(file, os.O_WRONLY)
			check(t, errors.Join(err, f.Close()))
			check(t, p.Rename(file, "other"))
			if d.whole("/erp", "other") {
				t.Error("half a file is whole under another name")
			}
			check(t, p.Rename("other", file))
			end(p, file)
			if !d.whole("/erp", file) {
				t.Error("still not whole")
			}
		})
	}
}

// What was unfinished when the process died is unfinished in the next.
func TestUnfinishedOutlivesTheProcess(t *testing.T) {
	d := serve(t)
	p := d.partner("erp")
	p.put("whole.csv", "x")
	for _, name := range []string{"half.csv", "renamed.part", "gone.csv", "line\u00a0\"quoted\".csv"} {
		f, err := p.Create(name)
		check(t, err)
		_, err = f.Write([]byte("half"))
		check(t, err)
	}
	check(t, p.Rename("renamed.part", "renamed.csv"))
	check(t, p.Remove("gone.csv"))
	// Another process that looks at the same state, as after kill -9: nothing was closed.
	again, err := sftpd.New(&d.options, d.setup)
	check(t, err)
	defer again.Close()
	files, err := again.List(t.Context(), "/erp")
	check(t, err)
	if len(files) != 4 {
		t.Errorf("files: %v", files)
	}
	for _, f := range files {
		if f.Writing != (f.Name != "whole.csv") {
			t.Errorf("%s: writing %t", f.Name, f.Writing)
		}
	}
}

func TestWritingIntoWhatIsLoaded(t *testing.T) {
	d := serve(t)
	p := d.partner("erp")
	p.put("p.csv", strings.Repeat("first", 1<<20))
	var got bytes.Buffer
	w := &hook{w: &got, first: func() {
		if err := p.write("p.csv", "torn"); err == nil || !strings.Contains(err.Error(), "the bridge is reading this file") {
			t.Errorf("written: %v", err)
		}
		if err := p.Truncate("p.csv", 3); err == nil {
			t.Error("cut short")
		}
	}}
	_, err := d.Fetch(t.Context(), "/erp/p.csv", w)
	check(t, err)
	if got.Len() != 5<<20 {
		t.Errorf("%d bytes", got.Len())
	}
	p.put("p.csv", "second") // a new drop
	if !d.whole("/erp", "p.csv") {
		t.Error("not whole")
	}
	refused := slices.DeleteFunc(d.seen(bridge.PartnerRefused), func(e *bridge.Event) bool { return e.File != "/erp/p.csv" })
	if len(refused) != 2 {
		t.Errorf("refusals: %+v", refused)
	}
}

// hook calls first before it writes.
type hook struct {
	w     io.Writer
	first func()
}

func (h *hook) Write(b []byte) (int, error) {
	if h.first != nil {
		h.first()
		h.first = nil
	}
	return h.w.Write(b)
}

// A failed write makes a torn file, however politely the client closes it.
func TestAFailedWriteIsUnfinished(t *testing.T) {
	d := serve(t, func(o *sftpd.Options) { o.Limits.FileSize = 100_000 })
	p := d.partner("erp")
	f, err := p.Create("p.csv")
	check(t, err)
	if _, err := f.Write(make([]byte, 300_000)); err == nil || !strings.Contains(err.Error(), "files have at most 100KB here") {
		t.Errorf("too large a file: %v", err)
	}
	check(t, f.Close())
	if d.whole("/erp", "p.csv") {
		t.Error("it is whole")
	}
	if e := d.await(bridge.FileUploaded, 1)[0]; !e.Visit.Broken {
		t.Errorf("event %+v", e)
	}
}

func TestFetchedTellsWhoHasAnOrder(t *testing.T) {
	d := serve(t)
	body := bytes.Repeat([]byte("order\n"), 100_000)
	check(t, d.Put(t.Context(), "/erp/ORD_1.csv", bytes.NewReader(body)))
	check(t, d.Put(t.Context(), "/erp/empty.csv", bytes.NewReader(nil)))
	p := d.partner("erp")

	half, err := p.Open("ORD_1.csv")
	check(t, err)
	_, err = io.ReadFull(half, make([]byte, 300_000))
	check(t, errors.Join(err, half.Close()))
	dead := d.partner("erp")
	f, err := dead.Open("ORD_1.csv")
	check(t, err)
	_, err = io.ReadAll(f)
	check(t, err)
	dead.kill()
	for _, e := range d.await(bridge.FileDownloaded, 2) {
		if e.SHA256 != "" {
			t.Error("for a part of a file all of it was read")
		}
	}
	if got := d.fetched(); len(got) > 0 {
		t.Fatalf("half a file, or one whose client died before it had all, is fetched: %+v", got)
	}
	rest, err := p.Open("ORD_1.csv")
	check(t, err)
	_, err = rest.ReadAt(make([]byte, 300_000), 300_000)
	if err != nil && err != io.EOF {
		t.Fatal(err)
	}
	check(t, rest.Close())
	d.await(bridge.FileDownloaded, 3)
	e := d.fetched()[0]
	want := &bridge.Visit{Remote: "door", User: "erp", Address: "127.0.0.1", Session: e.Visit.Session, Took: e.Visit.Took,
		Size: 600_000, Whole: true}
	if e.File != "/erp/ORD_1.csv" || e.At.IsZero() || e.Visit.Session == "" || *e.Visit != *want {
		t.Errorf("event %+v of %+v", e, e.Visit)
	}
	f, err = p.Open("empty.csv")
	check(t, err)
	_, err = io.ReadAll(f)
	check(t, errors.Join(err, f.Close()))
	d.await(bridge.FileDownloaded, 4)
	if len(d.fetched()) != 2 {
		t.Error("an empty file can't be fetched")
	}
	check(t, p.Remove("ORD_1.csv"))
	if _, ok := d.listed("/erp", "ORD_1.csv"); ok || d.await(bridge.FileDeleted, 1)[0].File != "/erp/ORD_1.csv" {
		t.Error("the pickup is not seen")
	}
}

func TestEventsTellTheWholeStory(t *testing.T) {
	d := serve(t)
	p := d.partner("erp")
	p.put("a.part", "hello")
	check(t, p.Rename("a.part", "a.csv"))
	check(t, p.Mkdir("sub"))
	_ = p.ssh.Close()
	d.await(bridge.SessionEnded, 1)
	d.await(bridge.FileUploaded, 1)
	began, up, moved := d.seen(bridge.SessionBegan)[0], d.seen(bridge.FileUploaded)[0], d.seen(bridge.FileRenamed)[0]
	if !strings.HasPrefix(began.Text, "key SHA256:") || !strings.HasPrefix(began.Visit.Client, "SSH-2.0-Go") || began.Visit.User != "erp" {
		t.Errorf("session: %+v", began)
	}
	const hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	if up.SHA256 != hello || up.Bytes != 5 || up.Visit.Size != 5 || up.Visit.Took <= 0 || up.File != "/erp/a.part" || up.Visit.Broken {
		t.Errorf("upload: %+v", up)
	}
	if moved.File != "/erp/a.part" || moved.Visit.Target != "/erp/a.csv" || moved.Visit.Session != began.Visit.Session ||
		len(d.seen(bridge.FolderMade)) != 1 {
		t.Errorf("rename: %+v", moved)
	}
}

// When the bridge stops, a transfer that is under way may end; nobody else comes in.
func TestStoppingWaitsForTransfers(t *testing.T) {
	d := serve(t)
	p, idle := d.partner("erp"), d.partner("erp")
	f, err := p.Create("p.csv")
	check(t, err)
	_, err = f.Write([]byte("one "))
	check(t, err)
	done := make(chan struct{})
	go func() {
		d.stop()
		close(done)
	}()
	_ = idle.Client.Wait() // was sent home at once
	if c, err := d.dial("erp"); err == nil {
		_ = c.Close()
		t.Error("somebody came in")
	}
	_, err = f.Write([]byte("two"))
	check(t, errors.Join(err, f.Close()))
	<-done
	if body, _ := os.ReadFile(filepath.Join(d.root, "erp/p.csv")); string(body) != "one two" {
		t.Errorf("%q", body)
	}
	if f, _ := d.listed("/erp", "p.csv"); f.Writing {
		t.Error("it is not whole")
	}
}

func TestRateIsHonoured(t *testing.T) {
	d := serve(t, func(o *sftpd.Options) { o.Users[0].Rate = 1 << 20 })
	p := d.partner("erp")
	began := time.Now()
	p.put("f", strings.Repeat("x", 1<<20))
	f, err := p.Open("f")
	check(t, err)
	_, err = io.Copy(io.Discard, f)
	check(t, errors.Join(err, f.Close()))
	// A quarter of a MiB each way is free.
	if took := time.Since(began); took < 1400*time.Millisecond {
		t.Errorf("a MiB up and down at a MiB per second took %v", took)
	}
}
