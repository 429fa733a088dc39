package outbound_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/sftp"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
)

// overSFTP lets the world's export write through an SFTP server behind a proxy.
func overSFTP(w *bridgetest.World, options sftptest.Options) *sftptest.Proxy {
	w.T.Helper()
	options.Root = w.Folder
	server, err := sftptest.Serve(options)
	w.Must(err)
	w.T.Cleanup(func() { _ = server.Close() })
	dir := w.T.(*testing.T).TempDir()
	login, err := server.Login(dir, "oro")
	w.Must(err)
	proxy, err := sftptest.NewProxy(server.Address)
	w.Must(err)
	w.T.Cleanup(proxy.Close)
	login, err = login.Via(proxy.Address)
	w.Must(err)
	remote, err := sftp.New("sap", &sftp.Options{Address: login.Address, User: login.User, PrivateKey: key(w, login.KeyFile),
		KnownHostsFile: login.KnownHostsFile, ReadTimeout: bridge.Duration(time.Minute)})
	w.Must(err)
	w.T.Cleanup(func() { _ = remote.Close() })
	w.B.Out.Remotes = map[string]bridge.Remote{"disk": remote}
	return proxy
}

func key(w *bridgetest.World, file string) bridge.Secret {
	text, err := os.ReadFile(file)
	w.Must(err)
	return bridge.Secret(text)
}

// TestACutAtEveryByte cuts the connection after every few bytes, in both directions, while orders are written: each stays
// owed until it is there, whole, once, and in its order.
func TestACutAtEveryByte(t *testing.T) {
	w := bridgetest.Exporting(t, ", marker: .ok")
	proxy := overSFTP(w, sftptest.Options{})
	w.Submit("O-first")
	w.MustOut()
	step := int64(97)
	if os.Getenv("OROBRIDGE_SOAK") != "" {
		step = 1
	}
	number, cuts := 1, 0
	var received []string
	rounds := func() { // until one comes through; a cut may come at the very end of what it was meant for
		for failed := 0; w.Out() != nil; cuts++ {
			if failed++; failed > 20 {
				t.Fatalf("never written: %v", w.Out())
			}
		}
	}
	take := func() { // what the ERP does
		for _, name := range w.There() {
			w.Take(name)
			received = append(received, name)
		}
		rounds()
	}
	bodies := map[string][]byte{}
	for _, way := range []sftptest.Direction{sftptest.Up, sftptest.Down} {
		for at := int64(1); ; at += step {
			take()
			w.Submit("")
			number++
			before := proxy.Passed(way)
			proxy.CutAfter(way, at)
			rounds()
			for _, name := range w.There() {
				body, err := os.ReadFile(filepath.Join(w.Folder, "orders", name))
				w.Must(err)
				bodies[name] = body
			}
			if proxy.Passed(way)-before < at {
				proxy.CutAfter(way, -1)
				break // longer than a whole round
			}
		}
	}
	take()
	t.Logf("%d orders, %d failed rounds", number, cuts)
	files, err := w.Ledger.Outfiles(t.Context(), bridge.OutfileFilter{})
	w.Must(err)
	var want []string
	for i, f := range files {
		body, err := w.Ledger.Body(t.Context(), "orders", f.Number)
		w.Must(err)
		if i > 0 && !bytes.Equal(bodies[f.Name], body) || f.Number != int64(i+1) || f.State != bridge.PickedUp || f.Alarm != "" {
			t.Errorf("%s is %s %s", f.Name, f.State, f.Alarm)
		}
		want = append(want, f.Name, f.Name+".ok")
	}
	if !slices.Equal(received, want) {
		t.Errorf("%d files were taken, want %d", len(received), len(want))
	}
}

func TestAFullDiskIsWaitedFor(t *testing.T) {
	w := bridgetest.Exporting(t, "")
	overSFTP(w, sftptest.Options{Space: 1000})
	for range 3 {
		w.Submit("")
	}
	for range 3 {
		if err := w.Out(); err == nil {
			t.Fatal("no trouble")
		}
	}
	if got := w.Outbox(); strings.Count(got, "written") != 1 || strings.Count(got, "owed") != 2 || len(w.There()) != 1 {
		t.Errorf("%s\n%v", got, w.There())
	}
	overSFTP(w, sftptest.Options{})
	w.MustOut()
	if got := w.Outbox(); strings.Count(got, "written") != 3 {
		t.Error(got)
	}
}

func TestALostPermissionIsWaitedFor(t *testing.T) {
	w := bridgetest.Exporting(t, "")
	overSFTP(w, sftptest.Options{ReadOnly: true})
	w.Submit("")
	if err := w.Out(); err == nil || bridge.HintOf(err) == "" {
		t.Fatalf("%v has no hint", err)
	}
	w.Want(w.LastOrder() + " v1 #1 owed")
	overSFTP(w, sftptest.Options{})
	w.MustOut()
	w.Want(w.LastOrder() + " v1 #1 written")
}
