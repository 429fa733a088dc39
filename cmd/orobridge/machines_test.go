package main

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
	"github.com/orobridge/orobridge/state/postgres/postgrestest"
)

// TestAnyOfTwoMachinesMayDie plays the landscape of two machines as its README has people start it: whichever bridge works is killed,
// again and again, and what the ERP drops is loaded all the same.
func TestAnyOfTwoMachinesMayDie(t *testing.T) {
	if !soak {
		t.Skip("scripts/soak plays this; TestLandscapes plays the config in short")
	}
	dir, binary := t.TempDir(), program(t)
	t.Setenv("OROBRIDGE", binary)
	t.Setenv("OROBRIDGE_POSTGRES", postgrestest.Address(t))
	t.Setenv("ORO_CLIENT_SECRET", "demo")
	var out bytes.Buffer
	start := exec.Command("../../scripts/landscapes/machines/start", dir, strconv.Itoa(freePair(t)))
	start.Stdout, start.Stderr = &out, &out
	start.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := start.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = syscall.Kill(-start.Process.Pid, syscall.SIGINT)
		_ = start.Wait()
		if t.Failed() {
			for _, machine := range []string{"one", "two"} {
				log, _ := os.ReadFile(filepath.Join(dir, machine, "log"))
				t.Logf("%s:\n%s", machine, log)
			}
			t.Log(out.String())
		}
	}()
	for n, machine := range []string{"one", "two", "one"} {
		file := "products_" + strconv.Itoa(n+1) + ".csv"
		if n > 0 {
			killBridge(filepath.Join(dir, machine, "pid"))
			text := "sku,name,unit\n9000" + strconv.Itoa(n) + ",Bench,item\n"
			if err := os.WriteFile(filepath.Join(dir, "sshd/root/out/products", file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for began := time.Now(); !loaded(t, dir, binary, file); time.Sleep(time.Second) {
			if time.Since(began) > 3*time.Minute {
				t.Fatalf("%s is not loaded", file)
			}
		}
	}
}

// killBridge kills a bridge, if it works just now.
func killBridge(pid string) {
	text, err := os.ReadFile(pid)
	if n, atoiErr := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && atoiErr == nil {
		_ = syscall.Kill(n, syscall.SIGKILL)
	}
}

func loaded(t *testing.T, dir, binary, file string) bool {
	t.Helper()
	config := filepath.Join(dir, "two", "orobridge.yaml")
	if _, err := os.Stat(config); err != nil {
		return false
	}
	out, _, _ := play(t, dir, binary, "-c", config, "drops", "--json")
	var drops []struct {
		File  string `json:"file"`
		State string `json:"state"`
	}
	if json.Unmarshal(out, &drops) != nil { // the ledger is not there yet
		return false
	}
	for _, d := range drops {
		if d.File == file && d.State == "loaded" {
			return true
		}
	}
	return false
}

// freePair is a port that is free, and the next one is free as well.
func freePair(t *testing.T) int {
	t.Helper()
	for range 100 {
		first, err := sftptest.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		port, err := strconv.Atoi(first)
		if err != nil {
			t.Fatal(err)
		}
		if next, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+1))); err == nil {
			_ = next.Close()
			return port
		}
	}
	t.Fatal("no two ports are free")
	return 0
}
