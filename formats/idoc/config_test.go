package idoc

import (
	"io"
	"runtime"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/orobridge/orobridge/formats"
)

// TestConfig decodes options as a config holds them.
func TestConfig(t *testing.T) {
	in := `
encoding: iso-8859-1
clients: ["100"]
test: accept
messages: { ZDEBMAS: DEBMAS }
zeros: keep
sales_org: "1000"
channel: "10"
division: "00"
languages: { EN: default, DE: de_DE }
texts: { description: GRUN }
precisions: { kg: 3 }
condition_types: [PR00]
dictionary: testdata/dictionary.csv
`
	var f Options
	if err := yaml.Load([]byte(in), &f, yaml.WithKnownFields()); err != nil {
		t.Fatal(err)
	}
	if err := f.Check(); err != nil || f.Clients[0] != "100" || f.Precisions["kg"] != 3 {
		t.Errorf("%v: %+v", err, &f)
	}
	out := `
form: flat
encoding: iso-8859-1
line_end: crlf
client: "100"
zone: Europe/Berlin
sender: { port: OROBRIDGE, type: LS, number: SHOP }
receiver: { port: SAPERP, number: ERPCLNT100 }
sales_org: "1000"
channel: "10"
division: "00"
order_type: TA
units: { item: ST }
conditions: { shipping: HD00, discount: HA00, price: EDI1 }
`
	var o OrderOptions
	if err := yaml.Load([]byte(out), &o, yaml.WithKnownFields()); err != nil {
		t.Fatal(err)
	}
	if err := o.Check(); err != nil || o.Sender.Port != "OROBRIDGE" || o.Conditions.Price != "EDI1" {
		t.Errorf("%v: %+v", err, o)
	}
	if err := (&OrderOptions{}).Check(); err == nil || !strings.Contains(err.Error(), "sender: ") {
		t.Error(err)
	}
}

// endless repeats a text, so that a file of any size needs no memory.
type endless struct {
	text string
	at   int
	left int64
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := copy(p, e.text[e.at:])
	e.at = (e.at + n) % len(e.text)
	e.left -= int64(n)
	return n, nil
}

// TestMemory reads 100 MB of IDocs in the memory of a few.
func TestMemory(t *testing.T) {
	f := &Options{}
	xml := string(read(t, "debmas.xml"))
	flat := string(convert(t, f, []byte(xml), FormFlat, "DEBMAS07"))
	from, to := strings.Index(xml, "<IDOC "), strings.Index(xml, "</DEBMAS07>")
	for form, file := range map[string]io.Reader{
		FormFlat: &endless{text: flat, left: 100 << 20},
		FormXML:  io.MultiReader(strings.NewReader("<DEBMAS07>"), &endless{text: xml[from:to], left: 100 << 20}),
	} {
		rd, err := f.Open(file, formats.Customers)
		if err != nil {
			t.Fatal(err)
		}
		var row formats.Row
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		before, most := m.HeapInuse, uint64(0)
		for n := 0; rd.Next(&row) == nil; n++ {
			if n%10000 == 0 {
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapInuse)
			}
		}
		if most > before+16<<20 {
			t.Errorf("%s: the heap grew from %d to %d KB", form, before>>10, most>>10)
		}
	}
}
