package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/idoc"
)

// kindDocs says in a line what each kind of format is.
var kindDocs = map[string]string{
	"csv":   "delimited text, with or without a header",
	"fixed": "records of fixed width, by a layout",
	"idoc":  "SAP's IDocs, flat or XML, recognised by themselves: DEBMAS, MATMAS, COND_A, ORDRSP, ORDCHG, DESADV, SHPCON, WHSCON, INVOIC",
	"xml":   "any XML, by the paths of its elements",
}

// orderKindDocs says what each kind of order file is.
var orderKindDocs = map[string]string{
	"csv":  "one row per line item, or a row per order with its lines below it",
	"idoc": "SAP's ORDERS05, flat or XML",
	"json": "every field of an order",
	"xml":  "any XML, by a template",
}

type kindView struct {
	Kind string `json:"kind"`
	Doc  string `json:"doc"`
}

type entityView struct {
	Entity string            `json:"entity"`
	IDocs  []string          `json:"idocs"` // message types that feed it
	Fields []entityFieldView `json:"fields"`
}

type entityFieldView struct {
	Field    string   `json:"field"`
	Kind     string   `json:"kind"`
	Key      bool     `json:"key"`
	Required bool     `json:"required"`
	Default  string   `json:"default,omitempty"`
	Values   []string `json:"values,omitempty"`
	Max      int      `json:"max,omitempty"`
	Doc      string   `json:"doc"`
}

type formatsView struct {
	Feeds    []kindView   `json:"feeds"`
	Exports  []kindView   `json:"exports"`
	Entities []entityView `json:"entities"`
}

func newFormatsCommand(a *app) *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "formats [ENTITY | expressions]",
		Short: "List the formats of files, the entities and their fields",
		Long: "formats lists what `format: { kind: … }` may say, and the canonical fields of each entity, to which a feed's columns\n" +
			"are mapped. formats expressions lists the functions of the mapping language, each with an example.\n" +
			"`orobridge help config` has the options of each format, `orobridge help mapping` all of this.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 && args[0] == "expressions" {
				return a.printFunctions()
			}
			v, err := viewFormats(args)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(v)
			}
			return a.printFormats(v)
		},
	})
}

type functionView struct {
	Use     string            `json:"use"`
	Doc     string            `json:"doc"`
	Example string            `json:"example"`
	Row     map[string]string `json:"row"` // the columns that the example reads
	Result  string            `json:"result"`
}

// printFunctions prints the functions of the mapping language.
func (a *output) printFunctions() error {
	all := make([]functionView, len(formats.Functions))
	for i, f := range formats.Functions {
		all[i] = functionView{f.Use, f.Doc, f.Example, f.Row, f.Result}
		if f.Row == nil {
			all[i].Row = map[string]string{}
		}
	}
	if a.json {
		return a.printJSON(all)
	}
	for _, f := range all {
		fmt.Fprintf(a.stdout, "%s\n    %s\n    %s", f.Use, f.Doc, f.Example)
		for i, column := range slices.Sorted(maps.Keys(f.Row)) {
			sep := ", "
			if i == 0 {
				sep = "   with "
			}
			fmt.Fprintf(a.stdout, "%s%s %q", sep, column, f.Row[column])
		}
		fmt.Fprintf(a.stdout, "   gives %q\n", f.Result)
	}
	return nil
}

// viewFormats collects the formats and entities, or one entity alone.
func viewFormats(args []string) (*formatsView, error) {
	v := &formatsView{Feeds: viewKinds(kinds.Formats, kindDocs), Exports: viewKinds(kinds.Orders, orderKindDocs), Entities: []entityView{}}
	for _, e := range formats.Entities {
		if len(args) == 0 || args[0] == e.Name {
			v.Entities = append(v.Entities, viewEntity(e))
		}
	}
	if len(v.Entities) == 0 {
		names := make([]string, len(formats.Entities))
		for i, e := range formats.Entities {
			names[i] = e.Name
		}
		return nil, &usageError{fmt.Sprintf("there is no entity %q", args[0]), "entities are: " + strings.Join(names, ", ")}
	}
	return v, nil
}

func viewKinds[T any](registry map[string]T, docs map[string]string) []kindView {
	all := []kindView{}
	for _, k := range slices.Sorted(maps.Keys(registry)) {
		all = append(all, kindView{k, docs[k]})
	}
	return all
}

func viewEntity(e *formats.Entity) entityView {
	v := entityView{Entity: e.Name, IDocs: slices.Concat([]string{}, idoc.Messages(e))}
	for i := range e.Fields {
		f := &e.Fields[i]
		name := f.Name
		switch f.Family {
		case formats.Localized:
			name += ", " + f.Name + "[<localization>]"
		case formats.Prefixed:
			name += "<name>"
		}
		v.Fields = append(v.Fields, entityFieldView{Field: name, Kind: f.Kind.String(), Key: f.Key, Required: f.Required, Default: f.Default,
			Values: f.Values, Max: f.Max, Doc: f.Doc})
	}
	return v
}

func (a *output) printFormats(v *formatsView) error {
	for _, part := range []struct {
		heading string
		kinds   []kindView
	}{{"FEED", v.Feeds}, {"EXPORT", v.Exports}} {
		rows := make([][]string, len(part.kinds))
		for i, k := range part.kinds {
			rows[i] = []string{k.Kind, k.Doc}
		}
		if err := a.table([]string{part.heading, "FILES"}, rows, "none"); err != nil {
			return err
		}
		fmt.Fprintln(a.stdout)
	}
	for i, e := range v.Entities {
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		if err := a.table([]string{strings.ToUpper(e.Entity), "KIND", "", "MEANING"}, e.rows(), "no fields"); err != nil {
			return err
		}
		if len(e.IDocs) > 0 {
			fmt.Fprintf(a.stdout, "IDocs: %s\n", strings.Join(e.IDocs, ", "))
		}
	}
	return nil
}

// rows are the fields as a table.
func (e *entityView) rows() [][]string {
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
