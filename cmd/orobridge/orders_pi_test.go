package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
	"github.com/orobridge/orobridge/state"
)

// soak says that tests may take their time: see scripts/soak.
var soak = os.Getenv("OROBRIDGE_SOAK") != ""

// orderSteps are the steps of an order's way out, at each of which the bridge is killed.
var orderSteps = []string{"poll orders", "owe", "owed", "stage order", "staged order", "write order", "written order", "write marker",
	"marked order", "pick up order"}

// TestPIReceivesEveryOrderOnce plays SAP PI with a real sftp client on a real sshd while the real program is killed, at
// random and at every step: PI has received every order exactly once, complete, in the order of submission, and
// byte-identical to the outbox.
func TestPIReceivesEveryOrderOnce(t *testing.T) {
	for _, marker := range []string{"", ".ok"} {
		t.Run("marker "+marker, func(t *testing.T) {
			t.Parallel()
			orders, each, atRandom := 60, 1, 10
			if soak {
				orders, each, atRandom = 500, 8, 120
			}
			w := newOrderWorld(t, marker, "")
			var work sync.WaitGroup
			ctx, stop := context.WithCancel(t.Context())
			defer work.Wait()
			defer stop()
			pi := &pi{login: w.sshd.Login, folder: t.TempDir(), marker: marker}
			work.Go(func() { pi.run(ctx) })
			plan := w.kills(each, atRandom)
			work.Go(func() { w.submitAll(ctx, orders, time.Duration(len(plan))*300*time.Millisecond/time.Duration(orders)) })
			for _, k := range plan {
				w.runUntil(k)
			}
			end := w.start("")
			deadline := time.Now().Add(2 * time.Minute)
			for pi.count() < orders && time.Now().Before(deadline) {
				time.Sleep(50 * time.Millisecond)
			}
			_ = end.Process.Kill()
			_ = end.Wait()
			stop()
			work.Wait()
			w.compare(pi, orders)
			t.Logf("%d orders, %d kills, %d of them at a step that was reached", orders, len(plan), w.reached)
		})
	}
}

// orderWorld is a shop in a box, a real sshd, and the real program between them.
type orderWorld struct {
	t        *testing.T
	shop     *orotest.Shop
	sshd     *sftptest.SSHD
	binary   string
	config   string
	dir      string
	database string // address; empty: the ledger is a file
	reached  int
}

func newOrderWorld(t *testing.T, marker, more string, options ...orotest.Option) *orderWorld {
	t.Helper()
	w := &orderWorld{t: t, binary: program(t), dir: t.TempDir(), database: bridgetest.Database(t), sshd: sftptest.Sshd(t),
		shop: orotest.New(append(options, orotest.Seed(orotest.Sample), orotest.Into(&asked), orotest.Version(orotest.Wanted()))...)}
	if err := w.shop.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.shop.Close() })
	for _, folder := range []string{"orders", "customers"} {
		if err := os.Mkdir(filepath.Join(w.sshd.Root, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.config = filepath.Join(w.dir, "orobridge.yaml")
	text := fmt.Sprintf(`
state: { dir: %s/var%s }
oro: { url: %s, client_id: demo, client_secret: demo }
remotes:
  sap: { kind: sftp, address: '%s', user: %s, private_key_file: %s, known_hosts_file: %s, path: %s }
exports:
  - { name: orders, remote: sap, folder: orders, every: 100ms, since: '%s', marker: '%s', format: { kind: csv } }
%s`, w.dir, bridgetest.StateKey(w.database), w.shop.URL(), w.sshd.Address, w.sshd.User, w.sshd.KeyFile, w.sshd.KnownHostsFile, w.sshd.Folder,
		time.Now().UTC().Add(-time.Minute).Format(time.RFC3339), marker, more)
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

// start runs the program, which may be told to crash ("2:written order").
func (w *orderWorld) start(crash string) *exec.Cmd {
	w.t.Helper()
	cmd := exec.Command(w.binary, "run", "--config", w.config)
	cmd.Env = append(os.Environ(), "ORO_CLIENT_SECRET=demo")
	if crash != "" {
		cmd.Env = append(cmd.Env, "OROBRIDGE_CRASH="+crash)
	}
	log, err := os.OpenFile(filepath.Join(w.dir, "log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	return cmd
}

// kill is one death of the program: at a step, or after some time.
type kill struct {
	step  string
	nth   int
	after time.Duration
}

func (w *orderWorld) kills(each, atRandom int) []kill {
	chance := rand.New(rand.NewPCG(3, 4))
	var all []kill
	for _, step := range orderSteps {
		for i := range each {
			all = append(all, kill{step: step, nth: 1 + i%4})
		}
	}
	for range atRandom {
		all = append(all, kill{after: time.Duration(50+chance.IntN(500)) * time.Millisecond})
	}
	chance.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// runUntil starts the program and waits for its death. A step that is not reached within a second ends in one all the
// same.
func (w *orderWorld) runUntil(k kill) {
	w.t.Helper()
	crash, after := "", k.after
	if k.step != "" {
		crash, after = fmt.Sprintf("%d:%s", k.nth, k.step), time.Second
	}
	cmd := w.start(crash)
	died := make(chan error, 1)
	go func() { died <- cmd.Wait() }()
	select {
	case err := <-died:
		if cmd.ProcessState.Exited() {
			log, _ := os.ReadFile(filepath.Join(w.dir, "log"))
			w.t.Fatalf("the program ended by itself: %v\n%s", err, log)
		}
		w.reached++
	case <-time.After(after):
		_ = cmd.Process.Kill()
		<-died
	}
}

// submitAll makes orders, one after the other.
func (w *orderWorld) submitAll(ctx context.Context, n int, pause time.Duration) {
	for i := range n {
		if err := w.submit(i); err != nil {
			w.t.Error(err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

func (w *orderWorld) submit(i int) error {
	_, err := w.shop.SubmitOrder(orotest.Order{Identifier: fmt.Sprintf("A%05d", i), Customer: "1",
		Notes: fmt.Sprintf("order %d\nsecond line", i),
		Lines: []orotest.Line{{SKU: "0RT28", Quantity: fmt.Sprint(1 + i%9), Price: "9.95"}}})
	return err
}

// compare holds what PI received against the outbox.
func (w *orderWorld) compare(pi *pi, orders int) {
	w.t.Helper()
	ledger, err := state.Open(w.t.Context(), filepath.Join(w.dir, "var"), state.Options{Postgres: w.database})
	if err != nil {
		w.t.Fatal(err)
	}
	defer ledger.Close()
	files, err := ledger.Outfiles(w.t.Context(), bridge.OutfileFilter{})
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for i, f := range files {
		names = append(names, f.Name)
		if f.Number != int64(i+1) || len(f.Orders) != 1 || f.Orders[0] != fmt.Sprintf("A%05d", i) {
			w.t.Errorf("file %d is number %d and holds %v", i+1, f.Number, f.Orders)
		}
		body, err := ledger.Body(w.t.Context(), "orders", f.Number)
		if err != nil {
			w.t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(pi.folder, f.Name))
		if err != nil || !bytes.Equal(body, got) {
			w.t.Errorf("%s was not received as it is in the outbox: %v", f.Name, err)
		}
	}
	if !slices.Equal(pi.received, names) {
		w.t.Errorf("PI received %d files, want %d, each once and in order:\n%s", len(pi.received), len(names), strings.Join(pi.received, "\n"))
	}
	if len(files) != orders {
		w.t.Errorf("%d files of %d orders", len(files), orders)
	}
	if w.t.Failed() {
		log, _ := os.ReadFile(filepath.Join(w.dir, "log"))
		w.t.Logf("%s", log)
	}
}

// pi is SAP's middleware: it lists the folder in alphabetical order, gets each file and deletes it.
type pi struct {
	login  sftptest.Login
	folder string // where it puts the files
	marker string // it takes only files that have one

	mu       sync.Mutex
	received []string
}

func (p *pi) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.received)
}

func (p *pi) run(ctx context.Context) {
	for ctx.Err() == nil {
		out, err := sftptest.TryBatch(ctx, p.login, "ls -1 orders")
		if err != nil {
			continue
		}
		var there []string
		for _, line := range strings.Split(out, "\n") {
			if name := filepath.Base(strings.TrimSpace(line)); strings.HasPrefix(name, "ORD_") {
				there = append(there, name)
			}
		}
		slices.Sort(there)
		p.take(ctx, there)
	}
}

// take gets and deletes files in one session. A file that was got is deleted before the next one is touched.
func (p *pi) take(ctx context.Context, there []string) {
	var names, commands []string
	for _, name := range there {
		if strings.HasSuffix(name, ".csv") && (p.marker == "" || slices.Contains(there, name+p.marker)) {
			names = append(names, name)
			commands = append(commands, fmt.Sprintf("get orders/%s %s", name, filepath.Join(p.folder, name)))
			if p.marker != "" {
				commands = append(commands, "rm orders/"+name+p.marker)
			}
			commands = append(commands, "rm orders/"+name)
		}
	}
	if len(names) == 0 {
		time.Sleep(20 * time.Millisecond)
		return
	}
	if _, err := sftptest.TryBatch(context.WithoutCancel(ctx), p.login, commands...); err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.received = append(p.received, names...)
}
