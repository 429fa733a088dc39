package main

import (
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// configSchema describes the config for editors. It is made of the structs that the config is decoded into, and of the
// registered formats.
func configSchema() *jsonschema.Schema {
	s := reflectSchema(&bridge.Config{})
	s.Title = "orobridge.yaml"
	for kind, create := range readers() {
		addFormat(s, "FeedFormat", kind, create())
	}
	for kind, create := range writers() {
		addFormat(s, "OrderFormat", kind, create())
	}
	return s
}

func reflectSchema(v any) *jsonschema.Schema {
	r := &jsonschema.Reflector{
		Anonymous:                  true,
		ExpandedStruct:             true,
		FieldNameTag:               "yaml",
		RequiredFromJSONSchemaTags: true,
		Mapper:                     valueSchema,
		AdditionalFields:           secretForms,
		LookupComment: func(t reflect.Type, field string) string {
			f, _ := t.FieldByName(field)
			return f.Tag.Get("doc")
		},
	}
	return r.Reflect(v)
}

// env lets a value that has a form of its own come from the environment.
const env = `^\$\{|`

// valueSchema describes the types that are written as a text of their own form.
func valueSchema(t reflect.Type) *jsonschema.Schema {
	text := func(pattern string) *jsonschema.Schema { return &jsonschema.Schema{Type: "string", Pattern: pattern} }
	switch t {
	case reflect.TypeFor[bridge.Secret]():
		return text("")
	case reflect.TypeFor[bridge.Duration]():
		return text(env + `^([0-9.]+(ms|s|m|h|d))+$`)
	case reflect.TypeFor[bridge.Size]():
		return text(env + `^[0-9.]+ ?([KMGTkmgt]i?)?[Bb]$`)
	case reflect.TypeFor[bridge.Pattern]():
		return text("")
	case reflect.TypeFor[bridge.Limit]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "integer"}, text(env + `^[0-9.]+ ?%$`)}}
	case reflect.TypeFor[bridge.GapConfig]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{text(env + `^(hold|warn|skip after .+)$`), reflectSchema(&gap{})}}
	case reflect.TypeFor[formats.Entity]():
		names := &jsonschema.Schema{Type: "string"}
		for _, e := range formats.Entities {
			names.Enum = append(names.Enum, e.Name)
		}
		return names
	case reflect.TypeFor[formats.Format]():
		return &jsonschema.Schema{Type: "object", Ref: "#/$defs/FeedFormat"}
	case reflect.TypeFor[formats.OrderFormat]():
		return &jsonschema.Schema{Type: "object", Ref: "#/$defs/OrderFormat"}
	}
	return nil
}
