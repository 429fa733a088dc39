package main

import (
	"flag"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write the expected texts anew")

// TestMain lets scripts run this program as the command orobridge.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"orobridge": main})
}

// TestScripts plays what a user types and sees. The commands beside testscript's own stand in stage_test.go.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("ORO_CLIENT_SECRET", "demo")
			env.Values[stageKey{}] = &stage{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"box":    box,
			"order":  submitOrder,
			"writes": writes,
			"sshd":   startSSHD,
			"sftpd":  startSFTPD,
			"door":   prepareDoor,
			"erp":    playERP,
			"drip":   drip,
			"exits":  exits,
			"until":  until,
			"json":   jsonValue,
			"fields": jsonFields,
			"bytes":  writeBytes,
		},
	})
}
