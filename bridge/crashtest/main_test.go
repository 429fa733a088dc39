package crashtest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		os.RemoveAll(filepath.Dir(built))
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// soak says that the long forms are asked for.
func soak() bool { return os.Getenv("OROBRIDGE_SOAK") != "" }

// beside has a test that waits more than it works go on beside others like it. The soak plays one after the other: its figures are those
// of one.
func beside(t *testing.T) {
	if !soak() {
		t.Parallel()
	}
}

// chance is a source of chance that can be played again. The short form plays the same trials each time, so that a change is
// judged by what it changes; the soak draws new ones.
func chance(t testing.TB) *rand.Rand {
	seed := uint64(1)
	if soak() {
		seed = uint64(time.Now().UnixNano())
	}
	if text := os.Getenv("OROBRIDGE_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("OROBRIDGE_SEED: %v", err)
		}
		seed = n
	}
	t.Logf("OROBRIDGE_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// binary is the program as users have it, built once.
func binary(t testing.TB) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var (
	built string
	build = sync.OnceValues(func() (string, error) {
		dir, err := os.MkdirTemp("", "orobridge-")
		if err != nil {
			return "", err
		}
		built = filepath.Join(dir, "orobridge")
		out, err := exec.Command("go", "build", "-o", built, "github.com/orobridge/orobridge/cmd/orobridge").CombinedOutput()
		if err != nil {
			err = fmt.Errorf("build orobridge: %w\n%s", err, out)
		}
		return built, err
	})
)
