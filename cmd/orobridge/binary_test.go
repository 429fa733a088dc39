package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

// These tests measure the program as users have it: built without the race detector.

// program is the program, built once for all tests; TestMain throws it away.
func program(t testing.TB) string {
	t.Helper()
	binary, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

var (
	builtIn   string // folder; empty: nobody has asked for it
	buildOnce = sync.OnceValues(func() (string, error) {
		var err error
		if builtIn, err = os.MkdirTemp("", "orobridge-test-"); err != nil {
			return "", err
		}
		binary := filepath.Join(builtIn, "orobridge")
		if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
			return "", fmt.Errorf("go build: %w\n%s", err, out)
		}
		return binary, nil
	})
)

// play runs the program and returns what it printed, its exit code and the most memory that it had, in bytes; 0 where
// the system does not tell.
func play(t *testing.T, dir, binary string, args ...string) (out []byte, code int, peak int64) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case err := <-done:
			if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if stderr.Len() > 0 {
				t.Logf("stderr: %s", stderr.Bytes())
			}
			return stdout.Bytes(), cmd.ProcessState.ExitCode(), peak
		case <-time.After(20 * time.Millisecond):
			// Not the rusage of the process: that begins with the memory of the test, which has started it.
			peak = max(peak, memory(cmd.Process.Pid))
		}
	}
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// memory is the most memory that a process has had so far, as Linux tells it.
func memory(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	m := highWater.FindSubmatch(status)
	if err != nil || m == nil {
		return 0
	}
	n, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}

// The demo ends within the time that somebody waits for one: a minute, of which a machine with nothing else to do needs a fifth. One that
// is busy is held to what the demo takes of a processor, and to three minutes.
func TestDemoTime(t *testing.T) {
	cmd := exec.Command(program(t), "demo", "--once", "--json")
	cmd.Dir = t.TempDir()
	began := time.Now()
	out, err := cmd.Output()
	took := time.Since(began)
	if err != nil || !json.Valid(out) {
		t.Fatalf("%v, %s", err, out)
	}
	spent := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if t.Logf("%s, of a processor %s", took.Round(time.Millisecond), spent); spent > 20*time.Second || took > 3*time.Minute {
		t.Errorf("the demo took %s, of a processor %s", took, spent)
	}
}

// The demo asks its shop nothing that a real shop has not answered, be it the one version or the other.
func TestDemoAsks(t *testing.T) {
	var out, said bytes.Buffer
	a := &app{Pen: show.Pen{Stdout: &out, Stderr: &said}, stdin: bytes.NewReader(nil), env: os.LookupEnv,
		boxes: []orotest.Option{orotest.Into(&asked), orotest.Version(orotest.Wanted())}}
	if code := a.run(t.Context(), []string{"demo", "--once"}); code != exitDone {
		t.Errorf("exit code %d\n%s\n%s", code, out.Bytes(), said.Bytes())
	}
}

// Memory follows the batch, not the file: a file of 20,000 rows is loaded in the memory of one of 4,000.
func TestLargeFile(t *testing.T) {
	binary := program(t)
	shop := exec.Command(binary, "shop", "--listen", "127.0.0.1:0", "--json")
	stdout, err := shop.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shop.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = shop.Process.Kill()
		_ = shop.Wait()
	}()
	var login struct {
		URL string `json:"url"`
	}
	if err := json.NewDecoder(stdout).Decode(&login); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := fmt.Sprintf(`oro: { url: '%s', client_id: demo, client_secret: demo }
remotes:
  disk: { kind: dir, path: . }
feeds:
  - { name: products, entity: products, remote: disk, folder: /drops, match: '*.csv', format: { kind: csv } }
`, login.URL)
	if err := os.WriteFile(filepath.Join(dir, "orobridge.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	peaks := map[int]int64{}
	for _, n := range []int{4_000, 20_000} {
		name := fmt.Sprintf("products_%d.csv", n)
		if err := os.WriteFile(filepath.Join(dir, name), products(n), 0o600); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		out, code, peak := play(t, dir, binary, "load", "products", name, "--json")
		var run operate.Run
		if err := json.Unmarshal(out, &run); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if code != exitDone || run.Rows != int64(n) || run.Created+run.Unchanged != int64(n) {
			t.Errorf("%s: exit code %d, %+v", name, code, run)
		}
		peaks[n] = peak
		t.Logf("%s: peak %d MiB, %s, %d requests", name, peak>>20, time.Since(began).Round(time.Millisecond), run.Requests)
	}
	if peaks[20_000] > peaks[4_000]*3/2 {
		t.Errorf("memory grows with the file: %v", peaks)
	}
}

// products is a file of so many products.
func products(n int) []byte {
	var b bytes.Buffer
	b.WriteString("sku,name,unit\n")
	for i := range n {
		fmt.Fprintf(&b, "SKU%07d,\"Part %d, 12 mm\",item\n", i, i)
	}
	return b.Bytes()
}
