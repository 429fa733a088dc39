package postgrestest

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// givenUp is how long pgx may take at most to close a connection that was given up in the middle of a statement: in the background, it asks
// the server to cancel, and reads until the server has closed (pgconn's asyncClose).
const givenUp = 15 * time.Second

// Main runs a package's tests and then looks for goroutines that they have left behind, as goleak.VerifyTestMain does, but lets the
// connections that were given up be closed first: a server that is busy takes its time.
func Main(m *testing.M) {
	code := m.Run()
	for began := time.Now(); code == 0; {
		left := goleak.Find()
		if left == nil {
			break
		}
		if time.Since(began) > 2*givenUp {
			fmt.Fprintln(os.Stderr, "goroutines are left behind:", left)
			code = 1
		}
	}
	os.Exit(code)
}
