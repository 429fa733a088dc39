package show

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/idoc"
)

// kindDocs says in a line what each kind of format is.
var kindDocs = map[string]string{
	"csv":   "delimited text, with or without a header",
	"fixed": "records of fixed width, by a layout",
	"idoc": "SAP's IDocs, flat or XML, recognised by themselves: DEBMAS, ADRMAS, MATMAS, ARTMAS, CLFMAS, LOISTD, COND_A, PRICAT, ORDRSP, " +
		"ORDCHG, DESADV, DELVRY, SHPCON, WHSCON, INVOIC",
	"xml": "any XML, by the paths of its elements",
}

// orderKindDocs says what each kind of order file is.
var orderKindDocs = map[string]string{
	"csv":  "one row per line item, or a row per order with its lines below it",
	"idoc": "SAP's ORDERS05, flat or XML",
	"json": "every field of an order",
	"xml":  "any XML, by a template",
}

// FileKind is a kind of file that a feed reads or an export writes.
type FileKind struct {
	Kind string `json:"kind"`
	Doc  string `json:"doc"`
}

// Entity is what of the shop a feed may set.
type Entity struct {
	Entity string   `json:"entity"`
	IDocs  []string `json:"idocs"` // message types that feed it
	Fields []Field  `json:"fields"`
}

// Field is one that a feed's columns may be mapped to.
type Field struct {
	Field    string   `json:"field"`
	Kind     string   `json:"kind"`
	Key      bool     `json:"key"`
	Required bool     `json:"required"`
	Default  string   `json:"default,omitempty"`
	Values   []string `json:"values,omitempty"`
	Max      int      `json:"max,omitempty"`
	Doc      string   `json:"doc"`
}

// Formats is what `format: { kind: … }` and `entity:` may say.
type Formats struct {
	Feeds    []FileKind `json:"feeds"`
	Exports  []FileKind `json:"exports"`
	Entities []Entity   `json:"entities"`
}

type function struct {
	Use     string            `json:"use"`
	Doc     string            `json:"doc"`
	Example string            `json:"example"`
	Row     map[string]string `json:"row"` // the columns that the example reads
	Result  string            `json:"result"`
}

// PrintFunctions prints the functions of the mapping language.
func (p *Pen) PrintFunctions() error {
	all := make([]function, len(formats.Functions))
	for i, f := range formats.Functions {
		all[i] = function{f.Use, f.Doc, f.Example, f.Row, f.Result}
		if f.Row == nil {
			all[i].Row = map[string]string{}
		}
	}
	if p.AsJSON {
		return p.PrintJSON(all)
	}
	for _, f := range all {
		fmt.Fprintf(p.Stdout, "%s\n    %s\n    %s", f.Use, f.Doc, f.Example)
		for i, column := range slices.Sorted(maps.Keys(f.Row)) {
			sep := ", "
			if i == 0 {
				sep = "   with "
			}
			fmt.Fprintf(p.Stdout, "%s%s %q", sep, column, f.Row[column])
		}
		fmt.Fprintf(p.Stdout, "   gives %q\n", f.Result)
	}
	return nil
}

// NewFormats describes kinds of files and entities.
func NewFormats(feeds, exports []string, entities []*formats.Entity) *Formats {
	v := &Formats{Feeds: viewKinds(feeds, kindDocs), Exports: viewKinds(exports, orderKindDocs), Entities: []Entity{}}
	for _, e := range entities {
		v.Entities = append(v.Entities, viewEntity(e))
	}
	return v
}

func viewKinds(kinds []string, docs map[string]string) []FileKind {
	all := []FileKind{}
	for _, k := range slices.Sorted(slices.Values(kinds)) {
		all = append(all, FileKind{k, docs[k]})
	}
	return all
}

func viewEntity(e *formats.Entity) Entity {
	v := Entity{Entity: e.Name, IDocs: slices.Concat([]string{}, idoc.Messages(e))}
	for i := range e.Fields {
		f := &e.Fields[i]
		name := f.Name
		switch f.Family {
		case formats.Localized:
			name += ", " + f.Name + "[<localization>]"
		case formats.Prefixed:
			name += "<name>"
		}
		v.Fields = append(v.Fields, Field{Field: name, Kind: f.Kind.String(), Key: f.Key, Required: f.Required, Default: f.Default,
			Values: f.Values, Max: f.Max, Doc: f.Doc})
	}
	return v
}

// PrintFormats prints the kinds of files, then the fields of each entity.
func (p *Pen) PrintFormats(v *Formats) error {
	if p.AsJSON {
		return p.PrintJSON(v)
	}
	for _, part := range []struct {
		heading string
		kinds   []FileKind
	}{{"FEED", v.Feeds}, {"EXPORT", v.Exports}} {
		rows := make([][]string, len(part.kinds))
		for i, k := range part.kinds {
			rows[i] = []string{k.Kind, k.Doc}
		}
		if err := p.Table([]string{part.heading, "FILES"}, rows, "none"); err != nil {
			return err
		}
		fmt.Fprintln(p.Stdout)
	}
	for i, e := range v.Entities {
		if i > 0 {
			fmt.Fprintln(p.Stdout)
		}
		if err := p.Table([]string{strings.ToUpper(e.Entity), "KIND", "", "MEANING"}, e.Rows(), "no fields"); err != nil {
			return err
		}
		if len(e.IDocs) > 0 {
			fmt.Fprintf(p.Stdout, "IDocs: %s\n", strings.Join(e.IDocs, ", "))
		}
	}
	return nil
}

// Rows are the fields as a table.
func (e *Entity) Rows() [][]string {
	rows := make([][]string, len(e.Fields))
	for i, f := range e.Fields {
		must := ""
		switch {
		case f.Key:
			must = "key"
		case f.Required:
			must = "required"
		}
		doc := f.Doc
		if len(f.Values) > 0 {
			doc += ": " + strings.Join(f.Values, ", ")
		}
		if f.Default != "" {
			doc += " (default " + f.Default + ")"
		}
		rows[i] = []string{f.Field, f.Kind, must, doc}
	}
	return rows
}
