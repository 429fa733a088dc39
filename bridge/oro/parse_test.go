package oro

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// plainly reads the same as parseDocument in the plain way, with a map for each object.
func plainly(body []byte) (data, included []plainResource, err error) {
	var top map[string]json.RawMessage
	if err := json.Unmarshal(body, &top); err != nil {
		return nil, nil, err
	}
	data, err = plainList(top["data"])
	included, incErr := plainList(top["included"])
	return data, included, errors.Join(err, incErr)
}

// A plainResource has its attributes as texts, and of its relationships the targets.
type plainResource struct {
	Type, ID      string
	Attributes    map[string]string
	Relationships map[string][]ref
}

func plainList(raw json.RawMessage) (all []plainResource, err error) {
	for _, one := range elements(raw) {
		var r struct {
			Type, ID, Attributes, Relationships json.RawMessage
		}
		var members map[string]json.RawMessage
		var texts map[string]json.RawMessage
		var to map[string]map[string]json.RawMessage
		err = errors.Join(err, json.Unmarshal(one, &members))
		r.Type, r.ID, r.Attributes, r.Relationships = members["type"], members["id"], members["attributes"], members["relationships"]
		p := plainResource{Attributes: map[string]string{}, Relationships: map[string][]ref{}}
		for raw, into := range map[*json.RawMessage]any{&r.Type: &p.Type, &r.ID: &p.ID, &r.Attributes: &texts, &r.Relationships: &to} {
			if len(*raw) > 0 {
				err = errors.Join(err, json.Unmarshal(*raw, into))
			}
		}
		for name, raw := range texts {
			p.Attributes[name] = rawText(raw)
		}
		for name, members := range to {
			p.Relationships[name] = nil
			for _, target := range elements(members["data"]) {
				var at map[string]json.RawMessage
				var r ref
				err = errors.Join(err, json.Unmarshal(target, &at))
				for raw, into := range map[string]*string{"type": &r.Type, "id": &r.ID} {
					if len(at[raw]) > 0 {
						err = errors.Join(err, json.Unmarshal(at[raw], into))
					}
				}
				p.Relationships[name] = append(p.Relationships[name], r)
			}
		}
		all = append(all, p)
	}
	return all, err
}

// elements are those of a list, or the one value that stands in its place; null is none.
func elements(raw json.RawMessage) []json.RawMessage {
	var list []json.RawMessage
	switch {
	case len(raw) == 0 || raw[0] == 'n':
		return nil
	case json.Unmarshal(raw, &list) == nil:
		return list
	}
	return []json.RawMessage{raw}
}

func asPlain(list resources) (all []plainResource) {
	for i := range list {
		r := &list[i]
		p := plainResource{Type: r.Type, ID: r.ID, Attributes: map[string]string{}, Relationships: map[string][]ref{}}
		for _, a := range r.attributes {
			p.Attributes[a.name] = r.text(a.name)
		}
		for _, to := range r.relationships {
			p.Relationships[to.name] = append([]ref(nil), r.many(to.name)...)
		}
		all = append(all, p)
	}
	return all
}

func compareParsed(t *testing.T, body []byte) {
	t.Helper()
	doc, err := parseDocument(body)
	data, included, plainErr := plainly(body)
	if (err == nil) != (plainErr == nil) {
		t.Fatalf("read: %v, read plainly: %v", err, plainErr)
	}
	if err != nil {
		return
	}
	if diff := cmp.Diff([][]plainResource{data, included}, [][]plainResource{asPlain(doc.Data), asPlain(doc.Included)}); diff != "" {
		t.Errorf("plainly read, and parsed: %s", diff)
	}
}

func TestDocumentsSayWhatTheySayPlainly(t *testing.T) {
	for _, text := range []string{
		`{"data":[]}`, `{"data":null}`, `{}`, `null`, ` {"meta":{"a":[1,{"b":2}]},"data":{"type":"products","id":"7"}} `,
		`{"data":[{"type":"a","id":"1","attributes":{"n":1.50,"t":"a\/b \u00e9 \ud83d\ude00","f":true,"z":null,"o":{"x":[1]}}}],
		"included":[{"type":"b","id":"2","relationships":{"one":{"data":{"type":"c","id":"3"}},"none":{"data":null},"links":{"links":{}},
		"many":{"data":[{"type":"c","id":"4"},{"type":"d","id":"5","meta":{}}]},"empty":{"data":[]}}}]}`,
		`{"data":[{"id":"1","id":"2","attributes":{"x":1,"x":2}}]}`, `{"data":[{"id":"1","attributes":null,"relationships":null}]}`,
		"{\"data\":[{\"id\":\"\xff\",\"attributes\":{\"x\":\"a\xc3\"}}]}", `{"data":[{"id":"\ud800"}]}`,
		`{"data":[null]}`, `{"data":[7]}`, `{"data":"x"}`, `{"data":[{"id":7}]}`, `{"data":[{"attributes":[]}]}`, `{"data":[{"id":"1"}]`,
		`{"data":[]}{}`, `[]`, ``, `{"data":[{"relationships":{"x":7}}]}`, `{"data":[{"relationships":{"x":{"data":7}}}]}`, `{"data":[{},]}`,
	} {
		compareParsed(t, []byte(text))
	}
}

func FuzzDocument(f *testing.F) {
	for _, name := range []string{"orders/003-order-get-with-includes", "more/058-order-after-discount"} {
		f.Add([]byte(recorded(f, name).Response.Body))
	}
	f.Add([]byte(`{"data":[{"type":"a","id":"1","attributes":{"n":1.50,"t":"a\/b"},"relationships":{"x":{"data":[{"type":"c","id":"4"}]}}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		compareParsed(t, body)
	})
}

// BenchmarkParse reads a page of prices with their products.
func BenchmarkParse(b *testing.B) {
	body := []byte(`{"data":[`)
	var included []byte
	for i := range 500 {
		if i > 0 {
			body, included = append(body, ','), append(included, ',')
		}
		body = append(body, `{"type":"productprices","id":"5b0e3f9e-6f3c-4d5c-8a3b-0d9d5a1b2c3d-1","attributes":{"quantity":1,"value":"12.5000",`+
			`"currency":"EUR"},"relationships":{"priceList":{"data":{"type":"pricelists","id":"1"}},"product":{"data":{"type":"products",`+
			`"id":"77"}},"unit":{"data":{"type":"productunits","id":"item"}}}}`...)
		included = append(included, `{"type":"products","id":"77","attributes":{"sku":"SKU-00000077"}}`...)
	}
	body = append(append(append(body, `],"included":[`...), included...), "]}"...)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if doc, err := parseDocument(body); err != nil || len(doc.Data) != 500 {
			b.Fatal(err)
		}
	}
}
