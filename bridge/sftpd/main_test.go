package sftpd_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/sftpd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// door is a server in this process with one partner, erp, who may do everything below a folder of that name.
type door struct {
	*sftpd.Remote
	t       testing.TB
	dir     string
	root    string // folder of this machine that is the remote's root
	address string
	keyFile string // of erp
	signer  ssh.Signer
	host    ssh.PublicKey
	known   string // known_hosts
	stop    func() // ends Serve and waits for it
	options sftpd.Options
	setup   bridge.RemoteSetup

	mu     sync.Mutex
	events []*bridge.Event
}

// everything is a partner who may do all there is.
func everything(name string) sftpd.User {
	return sftpd.User{Name: name, Write: []string{"/**"}, Read: []string{"/**"}, Delete: []string{"/**"}}
}

// serve starts a server with options that the test may change.
func serve(t testing.TB, change ...func(o *sftpd.Options)) *door {
	t.Helper()
	return serveFor(t, nil, change...)
}

// serveFor starts a server for feeds and exports with these folders.
func serveFor(t testing.TB, folders []string, change ...func(o *sftpd.Options)) *door {
	t.Helper()
	d := &door{t: t, dir: t.TempDir()}
	d.root, d.keyFile, d.known = filepath.Join(d.dir, "door"), filepath.Join(d.dir, "id_erp"), filepath.Join(d.dir, "known_hosts")
	public := newKey(t, d.keyFile)
	check(t, os.WriteFile(d.keyFile+".pub", ssh.MarshalAuthorizedKey(public), 0o600))
	text, err := os.ReadFile(d.keyFile)
	check(t, err)
	d.signer, err = ssh.ParsePrivateKey(text)
	check(t, err)
	d.setup = bridge.RemoteSetup{Name: "door", State: filepath.Join(d.dir, "state"), Folders: folders}
	for _, folder := range folders {
		d.setup.Own = append(d.setup.Own, folder+"/.work")
	}
	o := sftpd.Options{Listen: "127.0.0.1:0", Path: d.root, HostKeys: []string{hostKey(t)}}
	o.Users = []sftpd.User{everything("erp")}
	o.Users[0].KeysFile = d.keyFile + ".pub"
	for _, f := range change {
		f(&o)
	}
	d.options = o
	d.Remote, err = sftpd.New(&o, d.setup)
	check(t, err)
	d.Observe(d.observe)
	d.start()
	return d
}

// hostKey is one key for all tests that do not care.
var hostKey = func() func(t testing.TB) string {
	var text []byte
	var once sync.Once
	return func(t testing.TB) string {
		once.Do(func() {
			file := filepath.Join(t.TempDir(), "host")
			newKey(t, file)
			text, _ = os.ReadFile(file)
		})
		file := filepath.Join(t.TempDir(), "host_key")
		check(t, os.WriteFile(file, text, 0o600))
		return file
	}
}()

func newKey(t testing.TB, file string) ssh.PublicKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	block, err := ssh.MarshalPrivateKey(key, "test")
	check(t, err)
	check(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	signer, err := ssh.NewSignerFromKey(key)
	check(t, err)
	return signer.PublicKey()
}

func (d *door) start() {
	d.t.Helper()
	check(d.t, d.Listen(context.Background()))
	d.address = d.Address()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Serve(ctx) }()
	d.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			d.t.Errorf("serve: %v", err)
		}
	})
	d.t.Cleanup(func() {
		if err := d.Close(); err != nil {
			d.t.Errorf("close: %v", err)
		}
		d.stop()
	})
	d.host = d.shownKey()
	check(d.t, os.WriteFile(d.known, []byte(knownhosts.Line([]string{knownhosts.Normalize(d.address)}, d.host)+"\n"), 0o600))
}

// shownKey is the host key that the server shows a client.
func (d *door) shownKey() (key ssh.PublicKey) {
	d.t.Helper()
	_, _ = ssh.Dial("tcp", d.address, &ssh.ClientConfig{User: "nobody", HostKeyCallback: func(_ string, _ net.Addr, k ssh.PublicKey) error {
		key = k
		return fmt.Errorf("seen")
	}})
	if key == nil {
		d.t.Fatal("the server shows no key")
	}
	return key
}

func (d *door) observe(e *bridge.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, e)
}

// seen returns the events of some kinds so far.
func (d *door) seen(kinds ...bridge.EventKind) []*bridge.Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(d.events), func(e *bridge.Event) bool { return !slices.Contains(kinds, e.Kind) })
}

// fetched returns the downloads after which a partner had all of a file.
func (d *door) fetched() []*bridge.Event {
	return slices.DeleteFunc(d.seen(bridge.FileDownloaded), func(e *bridge.Event) bool { return !e.Visit.Whole })
}

// await returns the events of a kind once there are n.
func (d *door) await(kind bridge.EventKind, n int) []*bridge.Event {
	d.t.Helper()
	until(d.t, fmt.Sprintf("%d events %q", n, kind), func() bool { return len(d.seen(kind)) >= n })
	return d.seen(kind)
}

// until looks again and again.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// dial logs in.
func (d *door) dial(user string, auth ...ssh.AuthMethod) (*ssh.Client, error) {
	if len(auth) == 0 {
		auth = []ssh.AuthMethod{ssh.PublicKeys(d.signer)}
	}
	return ssh.Dial("tcp", d.address, &ssh.ClientConfig{User: user, Auth: auth, HostKeyCallback: ssh.FixedHostKey(d.host),
		Timeout: time.Minute})
}

// partner is a client who has logged in.
type partner struct {
	*sftp.Client
	ssh    *ssh.Client
	t      testing.TB
	folder string // of the server that the test's files are in; empty where it is the one that sessions begin in
}

func (p *partner) at(name string) string { return p.folder + name }

func (d *door) partner(user string, auth ...ssh.AuthMethod) *partner {
	d.t.Helper()
	c, err := d.dial(user, auth...)
	check(d.t, err)
	d.t.Cleanup(func() { _ = c.Close() })
	files, err := sftp.NewClient(c)
	check(d.t, err)
	return &partner{Client: files, ssh: c, t: d.t}
}

// kill cuts the connection as a dead network does.
func (p *partner) kill() {
	_ = p.ssh.Close()
	_ = p.Client.Wait()
}

// put writes a whole file under its name.
func (p *partner) put(name, body string) {
	p.t.Helper()
	check(p.t, p.write(name, body))
}

func (p *partner) write(name, body string) error {
	f, err := p.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	if _, err := f.Write([]byte(body)); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v %s", err, bridge.HintOf(err))
	}
}

// fixed is a time that nobody has by chance.
var fixed = time.Date(2020, 2, 29, 12, 34, 56, 0, time.UTC)
