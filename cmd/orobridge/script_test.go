package main

import (
	"errors"
	"flag"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

var update = flag.Bool("update", false, "write the expected texts anew")

// TestMain lets scripts run this program as the command orobridge.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"orobridge": main})
}

// TestScripts plays what a user types and sees.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("ORO_CLIENT_SECRET", "demo")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"box": box, "exits": exits},
	})
}

// box starts a shop in a box that ends with the script, and puts its address into $SHOP: box [empty|sample].
func box(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: box empty|sample")
	}
	shop := orotest.New(orotest.Seed(shopGoods[args[0]]), orotest.Credentials(shopClient, shopSecret))
	ts.Check(shop.Start("127.0.0.1:0"))
	ts.Defer(func() { shop.Close() })
	ts.Setenv("SHOP", shop.URL())
}

// exits runs a command and wants an exit code of it: exits 2 orobridge chek.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code command ...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
