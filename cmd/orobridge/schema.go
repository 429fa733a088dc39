package main

import (
	"fmt"
	"reflect"

	"github.com/invopop/jsonschema"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/formats"
)

// configSchema describes the config for editors. It is made of the structs that the config is decoded into, and of the
// registered formats.
func configSchema() *jsonschema.Schema {
	s := reflectSchema(reflect.TypeFor[config.Config]())
	s.Version = jsonschema.Version
	s.Title = "orobridge.yaml"
	return s
}

func reflectSchema(t reflect.Type) *jsonschema.Schema {
	r := &jsonschema.Reflector{
		Anonymous:                  true,
		DoNotReference:             true,
		FieldNameTag:               "yaml",
		RequiredFromJSONSchemaTags: true,
		Mapper:                     valueSchema,
		AdditionalFields:           secretForms,
		LookupComment:              docOf,
	}
	s := r.ReflectFromType(t)
	s.Version = ""
	return s
}

// docOf is what a field's tag says about it.
func docOf(t reflect.Type, field string) string {
	if t.Kind() != reflect.Struct {
		return ""
	}
	f, _ := t.FieldByName(field)
	if doc := f.Tag.Get("doc"); doc != "" {
		return doc
	}
	return formatDocs[t.String()+"."+field]
}

// formatDocs describes options whose structs have no tag doc.
var formatDocs = map[string]string{
	"formats.Mapping.Columns":     "source column to canonical field (MATNR: sku), or canonical field to an expression over source columns (value: 'amount(KBETR) / amount(KPEIN)'); - leaves a column out",
	"formats.Mapping.Values":      "per canonical field, the sender's value to the shop's (unit: { ST: item }); a value that is not in the list rejects the row",
	"formats.Mapping.Constants":   "canonical fields that have one value in every row",
	"formats.Mapping.Defaults":    "canonical fields whose column is missing or whose cell is empty",
	"formats.Mapping.Lists":       "files for the expression lookup(list, value): UTF-8, two columns set apart by a comma",
	"formats.Conventions.Decimal": "decimal sign, . by default",
	"formats.Conventions.Group":   "sign between groups of three digits",
	"formats.Conventions.Date":    "form of dates: YYYY-MM-DD by default, YYYYMMDD, DD.MM.YYYY, DD/MM/YYYY, MM/DD/YYYY",
	"csv.Options.Delimiter":       "one character, or tab; a comma by default",
	"csv.Options.Quote":           "one ASCII character, or none; a double quote by default",
	"csv.Options.Header":          "true by default, or none: then fields names the columns",
	"csv.Options.Fields":          "columns of a file without a header, in order",
	"csv.Options.Encoding":        "utf-8 by default, iso-8859-1, windows-1252, utf-16, …; a byte order mark in the file wins",
	"csv.Options.Skip":            "lines before the header",
	"csv.Options.Ragged":          "reject by default, or pad: cells that a row lacks at its end count as absent",
	"csv.Options.MaxRow":          "longest row in bytes, 1 MiB by default",
	"csv.Options.Trim":            "take blanks before a cell off",
	"csv.OrderOptions.Delimiter":  "one character, or tab; a comma by default",
	"csv.OrderOptions.Encoding":   "utf-8 by default",
	"csv.OrderOptions.Decimal":    "decimal sign, . by default",
	"csv.OrderOptions.Header":     "true by default, or none",
	"csv.OrderOptions.Layout":     "lines by default: one row per line item; header_lines: a row H per order and a row L per line item",
	"csv.OrderOptions.CRLF":       "end lines with CR LF",
	"csv.OrderOptions.BOM":        "begin with a byte order mark, as spreadsheets like it",
	"csv.OrderOptions.Formulas":   "keep by default, or neutralise: a ' before what a spreadsheet would compute",
}

// fromEnv begins the pattern of a value that may come from the environment as well.
const fromEnv = `^\$\{|`

// valueSchema describes the types that are not written as Go's own kinds are.
func valueSchema(t reflect.Type) *jsonschema.Schema {
	text := func(pattern string) *jsonschema.Schema { return &jsonschema.Schema{Type: "string", Pattern: pattern} }
	switch t {
	case reflect.TypeFor[bridge.Secret](), reflect.TypeFor[config.Pattern]():
		return text("")
	case reflect.TypeFor[bridge.Duration]():
		return text(fromEnv + `^([0-9.]+(ms|s|m|h|d))+$`)
	case reflect.TypeFor[bridge.Size]():
		return text(fromEnv + `^[0-9.]+ ?([KMGTkmgt]i?)?[Bb]$`)
	case reflect.TypeFor[config.Limit]():
		return oneOf(&jsonschema.Schema{Type: "integer"}, text(fromEnv+`^[0-9.]+ ?%$`))
	case reflect.TypeFor[config.Gap]():
		type keys config.Gap
		return oneOf(text(fromEnv+`^(hold|warn|skip after .+)$`), reflectSchema(reflect.TypeFor[keys]()))
	case reflect.TypeFor[config.Collect]():
		type keys config.Collect
		return oneOf(text(fromEnv+`^[0-9]+ orders or .+$`), reflectSchema(reflect.TypeFor[keys]()))
	case reflect.TypeFor[config.Wrapping]():
		type keys config.Wrapping
		return oneOf(&jsonschema.Schema{Type: "string", Enum: []any{"gzip", "zip"}}, reflectSchema(reflect.TypeFor[keys]()))
	case reflect.TypeFor[formats.Entity]():
		names := text("")
		for _, e := range formats.Entities {
			names.Enum = append(names.Enum, e.Name)
		}
		return names
	case reflect.TypeFor[formats.Format]():
		return kindSchema(readers().Kinds(), func(kind string) any { return readers()[kind]() })
	case reflect.TypeFor[formats.OrderFormat]():
		return kindSchema(writers().Kinds(), func(kind string) any { return writers()[kind]() })
	}
	return nil
}

func oneOf(schemas ...*jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{OneOf: schemas}
}

// kindSchema describes the options of each kind of format.
func kindSchema(kinds []string, create func(kind string) any) *jsonschema.Schema {
	var all []*jsonschema.Schema
	for _, kind := range kinds {
		s := reflectSchema(reflect.TypeOf(create(kind)).Elem())
		s.Title = kind
		s.Properties.Set("kind", &jsonschema.Schema{Const: kind})
		s.Required = append(s.Required, "kind")
		all = append(all, s)
	}
	return oneOf(all...)
}

// secretForms adds the forms x_file and x_env to each secret x of a struct.
func secretForms(t reflect.Type) []reflect.StructField {
	var forms []reflect.StructField
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Type != reflect.TypeFor[bridge.Secret]() {
			continue
		}
		form := func(suffix, doc string) reflect.StructField {
			tag := fmt.Sprintf(`yaml:"%s%s" jsonschema_description:%q`, f.Tag.Get("yaml"), suffix, doc)
			return reflect.StructField{Name: f.Name + suffix, Type: reflect.TypeFor[string](), Tag: reflect.StructTag(tag)}
		}
		forms = append(forms, form("_file", "file that holds it"), form("_env", "environment variable that holds it"))
	}
	return forms
}
