package json_test

import (
	"bytes"
	"flag"
	"os"
	"testing"
	"time"

	stdjson "encoding/json"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/json"
)

var update = flag.Bool("update", false, "write the golden file anew")

func orders() []*formats.Order {
	return []*formats.Order{
		{
			ID: "17", Identifier: "1700", Submitted: time.Date(2026, 11, 21, 9, 30, 0, 0, time.FixedZone("CET", 3600)), Updated: time.Date(2026, 11, 21, 8, 31, 0, 0, time.UTC),
			Customer: formats.Party{ExternalID: "0000100042", Name: "Müller & <Söhne>"}, Currency: "EUR", Total: "19.9", Notes: "a\n\"b\"",
			Lines: []formats.OrderLine{{ID: "1", Number: 1, SKU: "0815", Quantity: "1", Unit: "item", Price: "19.9", RowTotal: "19.9"}},
		},
		{ID: "18", Identifier: "1701"},
	}
}

func TestWriteOrders(t *testing.T) {
	var got bytes.Buffer
	if err := (&json.OrderOptions{}).WriteOrders(&got, orders()); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/orders.json"
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Error(diff)
	}
}

func TestOrdersReadBack(t *testing.T) {
	var file bytes.Buffer
	if err := (&json.OrderOptions{Compact: true}).WriteOrders(&file, orders()); err != nil {
		t.Fatal(err)
	}
	var back struct{ Orders []*formats.Order }
	if err := stdjson.Unmarshal(file.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	want := orders()
	want[0].Submitted = want[0].Submitted.UTC()
	want[1].Lines = []formats.OrderLine{}
	if diff := cmp.Diff(want, back.Orders); diff != "" {
		t.Error(diff)
	}
}

func TestNoOrders(t *testing.T) {
	var file bytes.Buffer
	if err := (&json.OrderOptions{Compact: true}).WriteOrders(&file, nil); err != nil || file.String() != "{\"orders\":[]}\n" {
		t.Errorf("%q, %v", file.String(), err)
	}
}
