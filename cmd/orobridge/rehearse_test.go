package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

// A config is played through without its servers, its shop and its secrets, and what would go wrong is told.
func TestRehearse(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("orobridge.yaml", `oro: { url: 'https://shop.invalid', client_id: x, client_secret: '${NOBODY_SET_THIS}' }
remotes:
  erp: { kind: sftp, address: 'sftp.invalid:22', user: erp, password: '${NOR_THIS}', known_hosts_file: known_hosts }
feeds:
  - { name: customers, entity: customers, remote: erp, folder: /out/customers, match: '*.csv', format: { kind: csv } }
  - { name: products, entity: products, remote: erp, folder: /out/products, match: '*.csv', ready: { marker: .ok }, format: { kind: csv } }
  - { name: prices, entity: prices, remote: erp, folder: /out/prices, match: '*.csv', format: { kind: csv } }
exports:
  - { name: orders, remote: erp, folder: /in/orders, format: { kind: csv } }
`)
	write("known_hosts", "")
	write("files/customers/c.csv", "customer_number,name\nC1,Acme\n")
	write("files/products/p.csv", "sku,name,unit\nA.1,Bad sku,item\nA-2,Good,item\nA-3,Bad unit,barrel\nA-4,Bad unit,crate\n")
	write("files/products/p.csv.ok", "")
	var out, said bytes.Buffer
	args := []string{"-c", filepath.Join(dir, "orobridge.yaml"), "rehearse", filepath.Join(dir, "files"), "--json"}
	a := &app{Pen: show.Pen{Stdout: &out, Stderr: &said}, stdin: bytes.NewReader(nil), env: os.LookupEnv, boxes: []orotest.Option{orotest.Into(&asked)}}
	if code := a.run(t.Context(), args); code != exitPartly {
		t.Fatalf("exit code %d\n%s\n%s", code, out.String(), said.String())
	}
	var v struct {
		Runs []struct {
			File    string `json:"file"`
			Created int64  `json:"created"`
		} `json:"runs"`
		Trouble []rehearsed `json:"trouble"`
	}
	if err := json.Unmarshal(out.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Runs) != 2 || v.Runs[0].Created != 1 || v.Runs[1].Created != 1 {
		t.Errorf("%+v", v.Runs)
	}
	var told []string
	for _, x := range v.Trouble {
		told = append(told, x.Where+" "+x.Code)
	}
	if got := strings.Join(told, ", "); got != "products shop, products reference, prices no_files" {
		t.Errorf("told: %s\n%+v", got, v.Trouble)
	}
	if v.Trouble[1].Count != 2 {
		t.Errorf("%+v", v.Trouble[1])
	}
}
