package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

var update = flag.Bool("update", false, "write the expected texts anew")

// asked is what the program asked of the shops in all tests: no request that no real shop is known to answer.
var asked orotest.Asked

// TestMain lets scripts run this program as the command orobridge.
func TestMain(m *testing.M) {
	testscript.Main(answered{m}, map[string]func(){"orobridge": main})
}

// answered runs the tests, and then holds what was asked against the list of package oro.
type answered struct{ m *testing.M }

func (h answered) Run() int {
	code := h.m.Run()
	for _, request := range asked.Unrecorded("../../bridge/oro/testdata/requests.txt") {
		fmt.Println("FAIL: no real shop is known to answer: " + request)
		code = max(code, 1)
	}
	if err := os.RemoveAll(builtIn); err != nil {
		fmt.Println("FAIL:", err)
		code = max(code, 1)
	}
	return code
}

// TestScripts plays what a user types and sees. The commands beside testscript's own stand in stage_test.go.
func TestScripts(t *testing.T) {
	path := os.Getenv("PATH")
	if raced {
		path = chooser(t) + string(filepath.ListSeparator) + path
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", path)
			env.Setenv("ORO_CLIENT_SECRET", "demo")
			first, err := filepath.Abs("../../state/testdata/ledger-008.db.gz")
			if err != nil {
				return err
			}
			env.Setenv("FIRST_LEDGER", first)
			// Under the race detector a program waits for a second before it exits, so that others can still report.
			env.Setenv("GORACE", "atexit_sleep_ms=20")
			env.Values[stageKey{}] = &stage{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"box":    box,
			"client": shopClients,
			"order":  submitOrder,
			"writes": writes,
			"sshd":   startSSHD,
			"sftpd":  startSFTPD,
			"door":   prepareDoor,
			"port":   freePorts,
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

// chooser is a folder with an orobridge that plays a bridge which goes on under the race detector, and a verb that ends as users have it:
// eight hundred of these would take three times as long. So does the demo, which TestDemoAsks plays in this process.
func chooser(t *testing.T) string {
	t.Helper()
	goesOn, err := exec.LookPath("orobridge") // testscript's, which is this very program
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	text := fmt.Sprintf("#!/bin/sh\ncase \" $* \" in *' run '* | *' rehearse '*) exec '%s' \"$@\" ;; esac\nexec '%s' \"$@\"\n", goesOn, program(t))
	if err := os.WriteFile(filepath.Join(dir, "orobridge"), []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}
