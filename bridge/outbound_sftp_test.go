package bridge_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/sftp"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
)

// overSFTP lets the world's export write through an SFTP server behind a proxy.
func overSFTP(w *world, options sftptest.Options) *sftptest.Proxy {
	w.t.Helper()
	options.Root = w.folder
	server, err := sftptest.Serve(options)
	w.must(err)
	w.t.Cleanup(func() { _ = server.Close() })
	dir := w.t.(*testing.T).TempDir()
	login, err := server.Login(dir, "oro")
	w.must(err)
	proxy, err := sftptest.NewProxy(server.Address)
	w.must(err)
	w.t.Cleanup(proxy.Close)
	login, err = login.Via(proxy.Address)
	w.must(err)
	remote, err := sftp.New(&bridge.RemoteConfig{Name: "sap", Address: login.Address, User: login.User, PrivateKey: key(w, login.KeyFile),
		KnownHostsFile: login.KnownHostsFile, ReadTimeout: bridge.Duration(2 * time.Second)})
	w.must(err)
	w.t.Cleanup(func() { _ = remote.Close() })
	w.b.OrderRemotes = map[string]bridge.Remote{"disk": remote}
	return proxy
}

func key(w *world, file string) bridge.Secret {
	text, err := os.ReadFile(file)
	w.must(err)
	return bridge.Secret(text)
}

// TestACutAtEveryByte cuts the connection after every few bytes, in both directions, while orders are written: each stays
// owed until it is there, whole, once, and in its order.
func TestACutAtEveryByte(t *testing.T) {
	w := exporting(t, ", marker: .ok")
	proxy := overSFTP(w, sftptest.Options{})
	w.submit("O-first")
	w.mustOut()
	step := int64(29)
	if os.Getenv("OROBRIDGE_SOAK") != "" {
		step = 1
	}
	number, cuts := 1, 0
	var received []string
	take := func() { // what the ERP does
		for _, name := range w.there() {
			w.take(name)
			received = append(received, name)
		}
		w.mustOut()
	}
	bodies := map[string][]byte{}
	for _, way := range []sftptest.Direction{sftptest.Up, sftptest.Down} {
		for at := int64(1); ; at += step {
			take()
			w.submit("")
			number++
			before := proxy.Passed(way)
			proxy.CutAfter(way, at)
			failed := 0
			for w.out() != nil {
				if failed++; failed > 20 {
					t.Fatalf("never written: %v", w.out())
				}
			}
			cuts += failed
			for _, name := range w.there() {
				body, err := os.ReadFile(filepath.Join(w.folder, "orders", name))
				w.must(err)
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
	files, err := w.ledger.Outfiles(t.Context(), bridge.OutfileFilter{})
	w.must(err)
	var want []string
	for i, f := range files {
		body, err := w.ledger.Body(t.Context(), "orders", f.Number)
		w.must(err)
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
	w := exporting(t, "")
	overSFTP(w, sftptest.Options{Space: 1000})
	for range 3 {
		w.submit("")
	}
	for range 3 {
		if err := w.out(); err == nil {
			t.Fatal("no trouble")
		}
	}
	if got := w.outbox(); strings.Count(got, "written") != 1 || strings.Count(got, "owed") != 2 || len(w.there()) != 1 {
		t.Errorf("%s\n%v", got, w.there())
	}
	overSFTP(w, sftptest.Options{})
	w.mustOut()
	if got := w.outbox(); strings.Count(got, "written") != 3 {
		t.Error(got)
	}
}

func TestALostPermissionIsWaitedFor(t *testing.T) {
	w := exporting(t, "")
	overSFTP(w, sftptest.Options{ReadOnly: true})
	w.submit("")
	if err := w.out(); err == nil || bridge.HintOf(err) == "" {
		t.Fatalf("%v has no hint", err)
	}
	w.want(w.lastOrder() + " v1 #1 owed")
	overSFTP(w, sftptest.Options{})
	w.mustOut()
	w.want(w.lastOrder() + " v1 #1 written")
}

// lastOrder is the identifier of the newest order of the outbox.
func (w *world) lastOrder() string {
	list, err := w.ledger.Outbox(w.t.Context(), bridge.OutboxFilter{Last: 1})
	w.must(err)
	return list[0].Order
}
