package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/cmd/orobridge/rehearsal"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

// A config is played through without its servers, its shop and its secrets, and what would go wrong is told.
func TestRehearse(t *testing.T) {
	write, rehearse := rehearsed(t)
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
	v, told := rehearse()
	if len(v.Runs) != 2 || v.Runs[0].Created != 1 || v.Runs[1].Created != 1 {
		t.Errorf("%+v", v.Runs)
	}
	if told != "products shop, products reference, prices no_files" {
		t.Errorf("told: %s\n%+v", told, v.Trouble)
	}
	if v.Trouble[1].Count != 2 {
		t.Errorf("%+v", v.Trouble[1])
	}
}

// What keeps an order back is told in words that name the key, an answer reaches the order that it names, and at a door of the
// bridge's own a partner has no more rights than the config gives.
func TestRehearseTellsWhatKeepsOrdersBack(t *testing.T) {
	write, rehearse := rehearsed(t)
	write("orobridge.yaml", `oro: { url: 'https://shop.invalid', client_id: x, client_secret: y }
remotes:
  door:
    kind: server
    path: ./door
    users:
      - { name: erp, keys_file: erp.pub, write: ['/out/answers/*'], read: ['/in/**'], delete: ['/in/orders/*'] }
feeds:
  - { name: stock, entity: inventory, remote: door, folder: /erp/out/stock, match: '*.csv', format: { kind: csv } }
  - { name: answers, entity: order_feedback, remote: door, folder: /erp/out/answers, match: '*.csv', format: { kind: csv } }
exports:
  - { name: orders, remote: door, folder: /erp/in/orders, format: { kind: csv } }
  - { name: kept, remote: door, folder: /erp/in/kept, format: { kind: csv } }
  - { name: closed, remote: door, folder: /erp/in/orders, only: { internal_status: [closed] }, file: 'C_{number}', format: { kind: csv }, collect: 9 orders or 1h }
  - { name: later, remote: door, folder: /erp/in/orders, since: 2999-01-01, file: 'L_{number}', format: { kind: csv } }
  - { name: group, remote: door, folder: /erp/in/orders, only: { customer_group: [Nobody] }, file: 'G_{number}', format: { kind: csv } }
  - name: sap
    remote: door
    folder: /erp/in/orders
    format: { kind: idoc, client: '100', sender: { port: A, number: B }, receiver: { port: C, number: D }, sales_org: '1', channel: '1', division: '1',
      order_type: TA, guest: '1', units: { crate: KI } }
`)
	write("files/stock/s.csv", "sku,quantity\nA,1\n")
	write("files/answers/a.csv", "order,erp_order_number,status\nPO-77,4711,accepted\n")
	v, told := rehearse()
	if told != "stock rights, kept rights, later not_written, group not_written, sap stuck" {
		t.Errorf("told: %s\n%+v", told, v.Trouble)
	}
	for i, want := range []string{"no user of remote door may write /erp/out/stock/s.csv", "may both read and delete /erp/in/kept/", "2999-01-01",
		"only.customer_group wants Nobody", "is not in format.units"} {
		if i < len(v.Trouble) && !strings.Contains(v.Trouble[i].Message, want) {
			t.Errorf("%+v, want %q", v.Trouble[i], want)
		}
	}
	states := map[string]string{}
	for _, o := range v.Orders {
		states[o.Order+" "+o.Export] = string(o.State)
	}
	for order, want := range map[string]string{"PO-77 orders": "answered", "REHEARSAL-orders orders": "picked_up", "REHEARSAL-closed closed": "picked_up",
		"REHEARSAL-kept kept": "written", "REHEARSAL-sap sap": "stuck"} {
		if states[order] != want {
			t.Errorf("%s is %q, want %q", order, states[order], want)
		}
	}
}

// rehearsed is a folder to write a config and files into, and the rehearsal of it, of which something goes wrong: what came of it,
// and what was told in short.
func rehearsed(t *testing.T) (write func(name, text string), rehearse func() (v rehearsal.Outcome, told string)) {
	dir := t.TempDir()
	write = func(name, text string) {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return write, func() (v rehearsal.Outcome, told string) {
		t.Helper()
		var out, said bytes.Buffer
		args := []string{"-c", filepath.Join(dir, "orobridge.yaml"), "rehearse", filepath.Join(dir, "files"), "--json"}
		a := &app{Pen: show.Pen{Stdout: &out, Stderr: &said}, stdin: bytes.NewReader(nil), env: os.LookupEnv, boxes: []orotest.Option{orotest.Into(&asked)}}
		if code := a.run(t.Context(), args); code != exitPartly {
			t.Fatalf("exit code %d\n%s\n%s", code, out.String(), said.String())
		}
		if err := json.Unmarshal(out.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		var words []string
		for _, x := range v.Trouble {
			words = append(words, x.Where+" "+x.Code)
		}
		return v, strings.Join(words, ", ")
	}
}
