package inbound_test

import (
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/sftp"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
	"github.com/orobridge/orobridge/formats/hostiletest"
)

const hostileFeeds = `
feeds:
  - { name: products, entity: products, remote: disk, folder: products, match: '*', ready: { stable: 0s }, format: { kind: csv } }
  - { name: inventory, entity: inventory, remote: disk, folder: inventory, match: '*', ready: { stable: 0s }, mode: full, on_missing: zero,
      on_failure: continue, unwrap: [zip], format: { kind: csv } }
  - { name: pricelists, entity: pricelists, remote: disk, folder: pricelists, match: '*', ready: { stable: 0s }, unwrap: [gzip],
      format: { kind: csv } }
  - { name: prices, entity: prices, remote: disk, folder: prices, match: '*.csv', ready: { stable: 0s }, format: { kind: csv } }
`

// hostileLimit is what the process may take while the bridge works on files that mean harm.
const hostileLimit = 256 << 20

// TestFilesThatMeanHarmEndAndKeepNobody puts a folder of them in front of three feeds of a whole bridge, and through an SFTP
// server in front of one: each file comes to an end, memory stays within bounds, nothing is left in the spool, and a feed
// beside them works. Under the race detector memory means nothing: its bounds hold in the step of scripts/test without it.
func TestFilesThatMeanHarmEndAndKeepNobody(t *testing.T) {
	all := len(hostiletest.Files())
	for _, f := range hostiletest.Files() {
		if bridge.Temporary(f.Name, nil) {
			all--
		}
	}
	for kind, feeds := range map[string][]string{"dir": {"products", "inventory", "pricelists"}, "sftp": {"products"}} {
		t.Run(kind, func(t *testing.T) {
			w := bridgetest.NewWorld(t, hostileFeeds)
			w.Stock("SKU1")
			if kind == "sftp" {
				w.Replace(overSFTP(w))
			}
			for _, folder := range feeds {
				w.Must(hostiletest.Write(filepath.Join(w.Folder, folder)))
			}
			w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
			if !raced {
				defer debug.SetMemoryLimit(debug.SetMemoryLimit(hostileLimit * 3 / 4))
			}
			var most uint64
			w.OnStep(func(string) {
				var now runtime.MemStats
				runtime.ReadMemStats(&now)
				most = max(most, now.Sys-now.HeapReleased)
			})
			w.Round()
			w.Later(10 * time.Minute) // an empty file is whole by then
			t.Logf("at most %d MiB", most>>20)
			if most > hostileLimit && !raced {
				t.Errorf("the process took %d MiB", most>>20)
			}
			w.Stands("a.csv loaded")
			for _, feed := range feeds {
				drops, err := w.Ledger.Drops(t.Context(), bridge.DropFilter{Feed: feed})
				w.Must(err)
				if len(drops) != all {
					t.Errorf("%s: %d drops of %d files", feed, len(drops), all)
				}
				for _, d := range drops {
					if !d.State.Settled() && d.State != bridge.Held {
						t.Errorf("%s: %s is %s: %s", feed, d.Name, d.State, d.Reason)
					}
				}
			}
			w.NothingLeft()
			if files, _ := filepath.Glob(filepath.Join(w.Folder, "*")); len(files) != 6 {
				t.Errorf("the remote's folder holds %v", files)
			}
		})
	}
}

// overSFTP is the world's folder on an SFTP server.
func overSFTP(w *bridgetest.World) bridge.Remote {
	w.T.Helper()
	server, err := sftptest.Serve(sftptest.Options{Root: w.Folder})
	w.Must(err)
	w.T.Cleanup(func() { _ = server.Close() })
	login, err := server.Login(w.T.TempDir(), "oro")
	w.Must(err)
	key, err := os.ReadFile(login.KeyFile)
	w.Must(err)
	remote, err := sftp.New("sap", &sftp.Options{Address: login.Address, User: login.User, PrivateKey: bridge.Secret(key),
		KnownHostsFile: login.KnownHostsFile, ReadTimeout: bridge.Duration(time.Minute)})
	w.Must(err)
	w.T.Cleanup(func() { _ = remote.Close() })
	return remote
}
