package main

import (
	"flag"
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
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"box": box},
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
