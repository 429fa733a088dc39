package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

// remoteConfig is of a bridge that does what it is told, and else looks once an hour.
const remoteConfig = `
state: { dir: var }
oro: { url: '%s', client_id: demo, client_secret: demo }
remotes: { disk: { kind: dir, path: . } }
feeds:
  - { name: products, entity: products, remote: disk, folder: products, match: '*.csv', every: 1h, ready: { stable: 0s }, format: { kind: csv },
      values: { unit: { ST: item } }, guards: { max_rejects: 60%% } }
  - { name: customers, entity: customers, remote: disk, folder: customers, match: '*.csv', every: 1h, ready: { stable: 0s }, format: { kind: csv } }
exports:
  - { name: orders, remote: disk, folder: orders, every: 1h, format: { kind: csv } }
admin: { listen: '%s', tls: { certificate_file: cert.pem, key_file: key.pem } }
`

// A pair is a bridge at work, and verbs that ask it from its own machine and from another one.
type pair struct {
	t      *testing.T
	dir    string
	server string
	token  string
}

// verb runs the program. Where is the environment that says from where.
func (p *pair) verb(ctx context.Context, stdout, stderr io.Writer, where map[string]string, args ...string) int {
	a := &app{Pen: show.Pen{Stdout: stdout, Stderr: stderr}, stdin: strings.NewReader(""), env: func(name string) (string, bool) {
		v, ok := where[name]
		return v, ok
	}}
	return a.run(ctx, args)
}

func (p *pair) here() map[string]string {
	return map[string]string{"OROBRIDGE_CONFIG": filepath.Join(p.dir, "orobridge.yaml")}
}

func (p *pair) there() map[string]string {
	return map[string]string{"OROBRIDGE_SERVER": p.server, "OROBRIDGE_TOKEN": p.token}
}

// said is all that a verb says.
func (p *pair) said(where map[string]string, args ...string) string {
	p.t.Helper()
	if where["OROBRIDGE_SERVER"] != "" {
		args = append(args, "--ca-file", filepath.Join(p.dir, "cert.pem"))
	}
	var out, talk bytes.Buffer
	code := p.verb(p.t.Context(), &out, &talk, where, args...)
	return fmt.Sprintf("exit code %d\n%s\n-- stderr --\n%s", code, &out, &talk)
}

// must does something on the bridge's machine.
func (p *pair) must(args ...string) string {
	p.t.Helper()
	var out, talk bytes.Buffer
	if code := p.verb(p.t.Context(), &out, &talk, p.here(), args...); code != exitDone && code != exitPartly {
		p.t.Fatalf("orobridge %v: exit code %d\n%s", args, code, &talk)
	}
	return strings.TrimSpace(out.String())
}

func (p *pair) write(name, text string) {
	p.t.Helper()
	if err := os.MkdirAll(filepath.Dir(filepath.Join(p.dir, name)), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// newPair has a bridge load, hold and reject files, and write an order; then it runs until the test ends.
func newPair(t *testing.T) *pair {
	p := &pair{t: t, dir: t.TempDir()}
	shop := orotest.New(orotest.Seed(orotest.Sample), orotest.Credentials("demo", "demo"), orotest.Into(&asked))
	if err := shop.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shop.Close() })
	lender := httptest.NewTLSServer(nil) // of a certificate for 127.0.0.1
	key, err := x509.MarshalPKCS8PrivateKey(lender.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	p.write("cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: lender.Certificate().Raw})))
	p.write("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	lender.Close()
	port, err := sftptest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort("127.0.0.1", port)
	p.server = "https://" + address
	p.write("orobridge.yaml", fmt.Sprintf(remoteConfig, shop.URL(), address))
	if err := os.MkdirAll(filepath.Join(p.dir, "orders"), 0o755); err != nil {
		t.Fatal(err)
	}
	p.write("products/1.csv", "sku,name,unit\nPIPE1,Pipe,ST\nPIPE2,Valve <&> ü,ST\n")
	p.write("customers/1.csv", "customer_number,name\nC1,Ann Lee\n,Bob Ray\n")
	p.must("run", "--once")
	if _, err := shop.SubmitOrder(orotest.Order{Identifier: "A/7 1", Currency: "EUR", Customer: "1",
		Lines: []orotest.Line{{SKU: "PIPE1", Quantity: "5", Price: "2.50"}}}); err != nil {
		t.Fatal(err)
	}
	p.write("products/2.csv", "sku,name,unit\nPIPE1,Pipe 2,ST\nPIPE3,Bend,PAL\n") // loaded in part
	p.must("run", "--once")
	for _, name := range []string{"3", "4", "5", "6"} { // held
		p.write("products/"+name+".csv", "sku,name,unit\nPIPE3,Bend,PAL\nPIPE4,Bend,PAL\nPIPE5"+name+",Bend,ST\n")
		p.must("run", "--once")
	}
	p.token = p.must("token", "create", "--name", "elsewhere", "--role", "operator")
	ctx, stop := context.WithCancel(t.Context())
	log := &told{word: "msg=running", heard: make(chan struct{})}
	done := make(chan int, 1)
	go func() { done <- p.verb(ctx, io.Discard, log, p.here(), "run") }()
	t.Cleanup(func() {
		stop()
		if code := <-done; code != exitDone {
			t.Errorf("the bridge ends with exit code %d\n%s", code, log)
		}
	})
	log.await(t)
	return p
}

// told is written to until a word was heard.
type told struct {
	mu    sync.Mutex
	b     bytes.Buffer
	word  string
	heard chan struct{}
	is    bool
}

func (h *told) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.b.Write(b)
	if !h.is && strings.Contains(h.b.String(), h.word) {
		h.is = true
		close(h.heard)
	}
	return len(b), nil
}

func (h *told) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.b.String()
}

func (h *told) await(t *testing.T) {
	t.Helper()
	select {
	case <-h.heard:
	case <-time.After(2 * time.Minute):
		t.Fatalf("%q was never said:\n%s", h.word, h)
	}
}

// A verb says the same on the bridge's machine and elsewhere: what it prints, what it talks, and its exit code.
func TestElsewhereAsOnTheSpot(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	const tries = 20
	for _, line := range []string{
		"status", "status --json", "status --strict", "status --running", "status --shop main", "drops --shop other", "approve 99 --shop other",
		"drops", "drops --json", "drops --feed products --state held,partial --last 2", "drops --last 0", "drops --feed nofeed", "drops --state moon",
		"drop 2", "drop 2 --json --rows", "drop 3 --rows", "drop 4 --plan", "drop 4 --plan --json", "drop 99", "drop x",
		"rejects", "rejects --flat", "rejects --json", "rejects 2 --all", "rejects --feed nofeed", "rejects 99",
		"parked", "parked --json",
		"orders", "orders --json --last 0", "orders --alarms", "orders --export nothing", "order A/7%1", "order A/7%1 --json", "order nobody",
		"trace products PIPE1", "trace PIPE1 --json", "trace customers C1 --json", "trace nothing PIPE1", "trace products nothing", "trace nothing",
		"events --drop 1", "events --json --last 3", "events --last 0 --since 1h", "events --drop 99", "events --drop 99 --follow",
		"approve 1", "approve 99", "discard 1", "rerun 99", "rerun 4", "undo --drop 99", "undo 99", "undo --drop 2 --dry-run", "ack drop 1",
		"undo --drop 1 --dry-run --json", "rerun --feed nofeed --from 2026-01-01", "rerun --feed products --from 2020-01-01 --to 2020-01-02",
		"rerun --order nobody", "rerun --order A/7%1 --dry-run", "rerun --orders --from 2020-01-01 --dry-run --json",
	} {
		args := strings.Fields(line)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "%", " ")
		}
		here := p.said(p.here(), args...)
		for try := 1; ; try++ { // until nothing has happened while it was asked elsewhere
			there := p.said(p.there(), args...)
			before := here
			if here = p.said(p.here(), args...); here != before && try < tries {
				continue
			}
			if diff := cmp.Diff(here, there); diff != "" {
				t.Errorf("orobridge %s: -here +elsewhere:\n%s", line, diff)
			}
			break
		}
	}
}

// own are the parts of what a decision says that are this drop's, this run's and this minute's.
var own = regexp.MustCompile(`[0-9a-f]{64}|[0-9][0-9.:TZ-]*`)

// A decision is carried out whoever takes it, and says the same; who it was stands in the journal.
func TestDecisionsElsewhere(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	same := func(here, there string) {
		t.Helper()
		var a, b string
		var deciding sync.WaitGroup
		deciding.Go(func() { a = p.said(p.here(), strings.Fields(here)...) })
		deciding.Go(func() { b = p.said(p.there(), strings.Fields(there)...) })
		deciding.Wait()
		if diff := cmp.Diff(own.ReplaceAllString(a, "#"), own.ReplaceAllString(b, "#")); diff != "" {
			t.Errorf("orobridge %s: -here +elsewhere:\n%s", there, diff)
		}
	}
	same("approve 4 --wait --json", "approve 5 --wait --json")
	same("discard 6 --why wrong", "discard 7 --why wrong")
	same("rerun 4 --rejected --wait", "rerun 5 --rejected --wait")
	if said := p.said(p.there(), "rerun", "--feed", "customers", "--from", "2026-01-01"); !strings.Contains(said, "drop 2 is in the hands") {
		t.Errorf("drops of a time once more: %s", said)
	}
	same("undo --drop 4", "undo --drop 5")
	if said := p.said(p.there(), "rerun", "--order", "1", "--wait", "--json"); !strings.Contains(said, `"state": "written"`) {
		t.Errorf("an order once more: %s", said)
	}
	if text := p.must("drop", "7"); !strings.Contains(text, "by token elsewhere: wrong") {
		t.Errorf("who decided: %s", text)
	}
}

// Who follows elsewhere sees what who follows on the spot sees, as it comes.
func TestFollowingElsewhere(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var following sync.WaitGroup
	follow := func(where map[string]string, more ...string) *told {
		h := &told{word: "acknowledged", heard: make(chan struct{})}
		following.Go(func() {
			if code := p.verb(ctx, h, io.Discard, where, append([]string{"events", "--follow"}, more...)...); code != exitDone {
				t.Errorf("following ends with exit code %d", code)
			}
		})
		return h
	}
	here, there := follow(p.here()), follow(p.there(), "--ca-file", filepath.Join(p.dir, "cert.pem"))
	p.must("ack", "drop", "2", "--why", "as it is")
	here.await(t)
	there.await(t)
	stop()
	following.Wait()
	_, a, _ := strings.Cut(here.String(), "\n")
	if !strings.HasPrefix(there.String(), here.String()) && !strings.HasPrefix(here.String(), there.String()) {
		t.Errorf("-here +elsewhere:\n%s", cmp.Diff(a, there.String()))
	}
}

// Nobody gets an answer from any route of the API without a token that is good, nor learns which routes there are.
func TestNoRouteAnswersNobody(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	text, err := os.ReadFile(filepath.Join(p.dir, "cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(text)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}}
	defer transport.CloseIdleConnections()
	ask := func(method, path, token string) (status int, body []byte) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, p.server+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err = io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, body
	}
	var described struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if status, body := ask("GET", "/api/v1/openapi.json", p.token); status != http.StatusOK || json.Unmarshal(body, &described) != nil {
		t.Fatalf("the description: %d %s", status, body)
	}
	if len(described.Paths) < 25 {
		t.Errorf("only %d paths are described", len(described.Paths))
	}
	described.Paths["/api/v1/openapi.json"], described.Paths["/api/v1/no/such/route"] = map[string]any{"get": nil}, map[string]any{"get": nil}
	for path, methods := range described.Paths {
		path = regexp.MustCompile(`\{\w+\}`).ReplaceAllString(path, "1")
		for method := range methods {
			for _, token := range []string{"", "orobridge_WRONG", "orobridge_" + strings.Repeat("A", 2000)} {
				if status, body := ask(strings.ToUpper(method), path, token); status != http.StatusUnauthorized || !bytes.Contains(body, []byte(`"hint"`)) {
					t.Errorf("%s %s answers %d %s", method, path, status, body)
				}
			}
		}
	}
}

// What can't be done elsewhere is refused before anything is done, and who may not is told why.
func TestWhatElsewhereRefuses(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	ca := filepath.Join(p.dir, "cert.pem")
	viewer := p.must("token", "create", "--name", "looker", "--role", "viewer")
	p.write("token", p.token+"\n")
	for _, c := range []struct {
		args, token, want string
	}{
		{"pause feed products", p.token, "exit code 2|own machine"},
		{"load products x.csv", p.token, "exit code 2|own machine"},
		{"rerun 2 --dry-run", p.token, "exit code 2|own machine"},
		{"token list", p.token, "exit code 2|own machine"},
		{"reload", p.token, "exit code 2|own machine"},
		{"status --shadow", p.token, "exit code 2|shadow"},
		{"status", "", "exit code 2|OROBRIDGE_TOKEN"},
		{"status --token-file " + filepath.Join(p.dir, "token"), "", "exit code 0|a bridge is running"},
		{"status --token-file " + filepath.Join(p.dir, "none"), "", "exit code 1|read the token"},
		{"status", "orobridge_WRONG", "exit code 1|does not know the token|token list"},
		{"status", viewer, "exit code 0|products"},
		{"approve 4", viewer, "exit code 1|needs the role operator|ask whoever runs the bridge"},
		{"trace customers C1", viewer, "exit code 1|about a person"},
		{"status --server http://bridge.example.com", p.token, "exit code 2|has no TLS"},
		{"status --server ftp://127.0.0.1", p.token, "exit code 2|no TLS"},
		{"status --server https://olga:secret@127.0.0.1", p.token, "exit code 2|not the address"},
		{"status --server https://127.0.0.1:1", p.token, "exit code 4|not reachable|admin.listen"},
		{"status --server " + strings.Replace(p.server, "https", "http", 1), p.token, "exit code 1|400 Bad Request"},
	} {
		where := p.there()
		where["OROBRIDGE_TOKEN"] = c.token
		args := strings.Fields(c.args)
		var out, talk bytes.Buffer
		if !strings.Contains("pause load token reload", args[0]) {
			args = append(args, "--ca-file", ca)
		}
		code := p.verb(t.Context(), &out, &talk, where, args...)
		said := fmt.Sprintf("exit code %d\n%s\n%s", code, &out, &talk)
		for _, want := range strings.Split(c.want, "|") {
			if !strings.Contains(said, want) {
				t.Errorf("orobridge %s lacks %q:\n%s", c.args, want, said)
			}
		}
		if strings.Contains(said, "secret") || c.token != "" && strings.Contains(said, c.token) {
			t.Errorf("orobridge %s tells a secret:\n%s", c.args, said)
		}
	}
	for code, args := range map[int][]string{exitUsage: {"status", "--ca-file", filepath.Join(p.dir, "key.pem")}, exitUnreachable: {"status"}} {
		var talk bytes.Buffer
		if got := p.verb(t.Context(), io.Discard, &talk, p.there(), args...); got != code || !strings.Contains(talk.String(), "certificate") {
			t.Errorf("certificates that do not vouch for it: exit code %d\n%s", got, &talk)
		}
	}
}
