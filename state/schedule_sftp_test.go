package state

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/sftp"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
)

// scheduled is a schedule of backups to a server: one an hour, of which two are kept. The state has more in it than a cut lets pass.
func scheduled(t *testing.T, l sftptest.Login) (*Schedule, *atHand) {
	t.Helper()
	s := openIn(t, kept(t), Options{})
	for _, name := range []string{"a", "b", "c", "d"} {
		must(t, s.Note(t.Context(), name, strings.Repeat(rand.Text(), 2000)+randomText(100_000)))
	}
	key, err := os.ReadFile(l.KeyFile)
	must(t, err)
	remote, err := sftp.New("sap", &sftp.Options{Path: l.Folder, Address: l.Address, User: l.User, PrivateKey: bridge.Secret(key),
		KnownHostsFile: l.KnownHostsFile})
	must(t, err)
	t.Cleanup(func() { must(t, remote.Close()) })
	clock := &atHand{noon}
	return &Schedule{State: s, Every: time.Hour, Keep: 2, Remote: remote, Name: "sap", Folder: "/backup", Clock: clock, Events: &bridge.Events{}}, clock
}

// randomText can't be compressed much.
func randomText(n int) string {
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(rand.Text())
	}
	return b.String()
}

// standing are the backups on the server, by the time of their names.
func standing(t *testing.T, l sftptest.Login) string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(l.Root, "backup"))
	if !errors.Is(err, os.ErrNotExist) {
		must(t, err)
	}
	var all []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		_, name, _ := strings.Cut(strings.TrimSuffix(e.Name(), BackupExtension), "20261121T")
		all = append(all, name)
	}
	return strings.Join(all, " ")
}

// restorable says whether the newest backup on the server can be restored.
func restorable(t *testing.T, l sftptest.Login) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(l.Root, "backup", "orobridge-*"+BackupExtension))
	must(t, err)
	newest, err := os.ReadFile(all[len(all)-1])
	must(t, err)
	to := filepath.Join(t.TempDir(), "var")
	_, err = Restore(t.Context(), to, bytes.NewReader(newest), false, noon)
	must(t, err)
	if got := note(t, to); got != "noon" {
		t.Errorf("the note says %q", got)
	}
}

func TestBackupsLieOnAnSFTPServer(t *testing.T) {
	server := sftptest.Sshd(t)
	proxy, err := sftptest.NewProxy(server.Address)
	must(t, err)
	t.Cleanup(proxy.Close)
	login, err := server.Via(proxy.Address)
	must(t, err)
	plan, clock := scheduled(t, login)
	due := func() error {
		t.Helper()
		_, err := plan.Due(t.Context())
		clock.now = clock.now.Add(time.Hour)
		return err
	}
	for range 3 {
		must(t, due())
	}
	if got := standing(t, login); got != "130000.000Z 140000.000Z" {
		t.Errorf("on the server stand %s", got)
	}
	restorable(t, login)

	// The wire is cut while it is carried there, and while it is read back: what was there stays, and the next one comes whole and clears
	// up.
	for _, way := range []sftptest.Direction{sftptest.Up, sftptest.Down} {
		before := standing(t, login)
		proxy.CutAfter(way, 100_000)
		err := due()
		if err == nil || bridge.FateOf(err) != bridge.Pause {
			t.Errorf("with a cut wire: %v", err)
		}
		if got := standing(t, login); got != before {
			t.Errorf("after the cut stand %s, before %s", got, before)
		}
		must(t, due())
		restorable(t, login)
	}
	if got := standing(t, login); got != "160000.000Z 180000.000Z" {
		t.Errorf("at the end stand %s", got)
	}
	if halves, err := filepath.Glob(filepath.Join(login.Root, "backup", ".*")); err != nil || len(halves) > 0 {
		t.Errorf("half of one is left over: %v %v", halves, err)
	}
	if i, err := Look(t.Context(), plan.State.dir, ""); err != nil || !strings.HasSuffix(i.Backup.Place, "20261121T180000.000Z"+BackupExtension) {
		t.Errorf("the last one is %+v, %v", i.Backup, err)
	}
}

func TestAServerThatIsFullKeepsTheBackupsThatItHas(t *testing.T) {
	server, err := sftptest.Serve(sftptest.Options{Root: t.TempDir(), Space: 1 << 30})
	must(t, err)
	t.Cleanup(func() { must(t, server.Close()) })
	login, err := server.Login(t.TempDir(), "oro")
	must(t, err)
	plan, clock := scheduled(t, login)
	_, err = plan.Due(t.Context())
	must(t, err)
	server.SetSpace(50_000)
	clock.now = clock.now.Add(time.Hour)
	if _, err := plan.Due(t.Context()); err == nil || bridge.FateOf(err) != bridge.Pause {
		t.Errorf("on a full server: %v", err)
	}
	if got := standing(t, login); got != "120000.000Z" {
		t.Errorf("on the full server stand %s", got)
	}
	restorable(t, login)
	server.SetSpace(1 << 30)
	_, err = plan.Due(t.Context())
	must(t, err)
	if got := standing(t, login); got != "120000.000Z 130000.000Z" {
		t.Errorf("with room again stand %s", got)
	}
}
