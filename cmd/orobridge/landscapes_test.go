package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/cmd/orobridge/rehearsal"
)

// TestLandscapes plays each of scripts/landscapes with its files. Nothing goes wrong.
func TestLandscapes(t *testing.T) {
	t.Setenv("ORO_CLIENT_SECRET", "demo")
	t.Setenv("OROBRIDGE_POSTGRES", "postgres://nowhere.invalid/erp") // a rehearsal is none of a ledger's business
	configs, err := filepath.Glob("../../scripts/landscapes/*/orobridge.yaml")
	if err != nil || len(configs) < 3 {
		t.Fatal(configs, err)
	}
	readme, err := os.ReadFile("../../scripts/landscapes/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, config := range configs {
		folder := filepath.Dir(config)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			if !bytes.Contains(readme, []byte("\n| `"+filepath.Base(folder)+"` |")) {
				t.Error("the README does not name it")
			}
			var out, said bytes.Buffer
			code := run(t.Context(), []string{"-c", config, "rehearse", filepath.Join(folder, "files"), "--json"}, strings.NewReader(""), &out, &said)
			var v struct {
				Runs []struct {
					File  string `json:"file"`
					State string `json:"state"`
				} `json:"runs"`
				Trouble []rehearsal.Trouble `json:"trouble"`
			}
			if err := json.Unmarshal(out.Bytes(), &v); err != nil || code != exitDone {
				t.Fatalf("exit code %d, %v\n%s", code, err, said.String())
			}
			for _, r := range v.Runs {
				if r.State != "loaded" {
					t.Errorf("%s is %s", r.File, r.State)
				}
			}
			if len(v.Trouble) > 0 {
				t.Errorf("%+v", v.Trouble)
			}
		})
	}
}

// TestDeployedConfigs: the configs that scripts/deploy brings are good but for the files that the place brings.
func TestDeployedConfigs(t *testing.T) {
	t.Setenv("OROBRIDGE_POSTGRES", "postgres://db.example.com/erp")
	for _, name := range []string{"rehearsal", "kustomize", "machines"} {
		var out bytes.Buffer
		data, err := os.ReadFile("../../scripts/deploy/" + name + "/orobridge.yaml")
		if err != nil {
			t.Fatal(err)
		}
		config := filepath.Join(t.TempDir(), "orobridge.yaml")
		for _, file := range []string{"known_hosts", "keys/known_hosts", "keys/id_ed25519", "keys/postgres"} {
			file = filepath.Join(filepath.Dir(config), file)
			if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte("given\n"), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		data = bytes.ReplaceAll(data, []byte("/etc/orobridge-secret/"), []byte("keys/"))
		data = bytes.ReplaceAll(data, []byte("keys/client_secret"), []byte("known_hosts"))
		if err := os.WriteFile(config, data, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("ORO_CLIENT_SECRET", "demo")
		if code := run(t.Context(), []string{"-c", config, "config", "check"}, strings.NewReader(""), &out, &out); code != exitDone {
			t.Errorf("%s: exit code %d\n%s", name, code, out.String())
		}
	}
}
