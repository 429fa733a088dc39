package sftpd_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
)

// The connection is cut after so many bytes, at one point after the other of a session: whatever the bridge takes for
// whole is the whole file, an order that counts as fetched has arrived, and the next try succeeds.
func TestTheConnectionDiesAtEachPoint(t *testing.T) {
	d := serve(t)
	body := make([]byte, 200_000)
	_, _ = rand.Read(body)
	check(t, d.Put(t.Context(), "/erp/order", bytes.NewReader(body)))
	proxy, err := sftptest.NewProxy(d.address)
	check(t, err)
	defer proxy.Close()

	dial := func() (*sftp.Client, func(), error) {
		c, err := ssh.Dial("tcp", proxy.Address, &ssh.ClientConfig{User: "erp", Auth: []ssh.AuthMethod{ssh.PublicKeys(d.signer)},
			HostKeyCallback: ssh.FixedHostKey(d.host)})
		if err != nil {
			return nil, func() {}, err
		}
		files, err := sftp.NewClient(c)
		return files, func() { _ = c.Close() }, err
	}
	upload := func(name string) error {
		files, end, err := dial()
		defer end()
		if err != nil {
			return err
		}
		f, err := files.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
		if err != nil {
			return err
		}
		for at := 0; at < len(body); at += 10_000 {
			if _, err := f.Write(body[at : at+10_000]); err != nil {
				return err
			}
		}
		return f.Close()
	}
	download := func() ([]byte, error) {
		files, end, err := dial()
		defer end()
		if err != nil {
			return nil, err
		}
		f, err := files.Open("order")
		if err != nil {
			return nil, err
		}
		got, err := io.ReadAll(f)
		return got, errors.Join(err, f.Close())
	}

	before := proxy.Passed(sftptest.Up)
	check(t, upload("measure"))
	all := proxy.Passed(sftptest.Up) - before
	points := int64(16)
	if *long {
		points = 200
	}
	half := 0
	for i := range points {
		name := fmt.Sprint("up", i)
		proxy.CutAfter(sftptest.Up, all*i/points)
		err := upload(name)
		until(t, "the session has ended", func() bool { return proxy.Connections() == 0 })
		d.quiet(0)
		if f, there := d.listed("/erp", name); there {
			got, _ := os.ReadFile(filepath.Join(d.root, "erp", name))
			if !f.Writing && !bytes.Equal(got, body) {
				t.Errorf("cut at %d of %d (%v): %d bytes are taken for whole", all*i/points, all, err, len(got))
			}
			if f.Writing {
				half++
			}
		}
		proxy.CutAfter(sftptest.Up, 1<<40)
		check(t, upload(name))
		if !d.whole("/erp", name) {
			t.Errorf("cut at %d: sent again, and not whole", all*i/points)
		}
	}
	if half < int(points)/2 {
		t.Errorf("of %d cuts only %d left half a file", points, half)
	}

	before = proxy.Passed(sftptest.Down)
	_, err = download()
	check(t, err)
	all = proxy.Passed(sftptest.Down) - before
	d.quiet(0)
	for i := range points {
		told := len(d.fetched())
		proxy.CutAfter(sftptest.Down, all*i/points)
		got, err := download()
		until(t, "the session has ended", func() bool { return proxy.Connections() == 0 })
		d.quiet(0)
		if len(d.fetched()) > told && !bytes.Equal(got, body) {
			t.Errorf("cut at %d of %d (%v): %d bytes arrived, and the order counts as fetched", all*i/points, all, err, len(got))
		}
		proxy.CutAfter(sftptest.Down, 1<<40)
	}
}

// A large file and a folder of many come through whole, and the journal has their hashes.
func TestLargeAndMany(t *testing.T) {
	size, many := int64(20_000_000), 300
	if *long {
		size, many = 2_147_483_649, 20_000
	}
	d := serve(t)
	l := d.login("erp")
	local := t.TempDir()
	large := filepath.Join(local, "large")
	f, err := os.Create(large)
	check(t, err)
	sum := sha256.New()
	_, err = io.CopyN(io.MultiWriter(f, sum), rand.Reader, size)
	check(t, errors.Join(err, f.Close()))
	check(t, os.Mkdir(filepath.Join(local, "many"), 0o755))
	for i := range many {
		check(t, os.WriteFile(filepath.Join(local, "many", fmt.Sprintf("%05d.csv", i)), []byte("x"), 0o644))
	}
	batch(t, l, "put "+large, "get large "+filepath.Join(local, "back"), "put -r "+filepath.Join(local, "many"), "ls -1 many")
	want := hex.EncodeToString(sum.Sum(nil))
	for _, kind := range []bridge.EventKind{bridge.FileUploaded, bridge.FileDownloaded} {
		until(t, "the large file is told", func() bool {
			return slices.ContainsFunc(d.seen(kind),
				func(e *bridge.Event) bool { return e.File == "/erp/large" && e.SHA256 == want && e.Bytes == size })
		})
	}
	back, err := os.Open(filepath.Join(local, "back"))
	check(t, err)
	defer back.Close()
	sum.Reset()
	if _, err := io.Copy(sum, back); err != nil || hex.EncodeToString(sum.Sum(nil)) != want {
		t.Errorf("what came back is another file: %v", err)
	}
	files, err := d.List(t.Context(), "/erp/many")
	check(t, err)
	if len(files) != many {
		t.Errorf("%d files", len(files))
	}
}
