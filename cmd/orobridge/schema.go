package main

import (
	"fmt"
	"reflect"

	"github.com/invopop/jsonschema"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// configSchema describes the config for editors. It is made of the structs that the config is decoded into, and of the
// registered formats.
func configSchema() *jsonschema.Schema {
	s := reflectSchema(reflect.TypeFor[bridge.Config]())
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
	return f.Tag.Get("doc")
}

// fromEnv begins the pattern of a value that may come from the environment as well.
const fromEnv = `^\$\{|`

// valueSchema describes the types that are not written as Go's own kinds are.
func valueSchema(t reflect.Type) *jsonschema.Schema {
	text := func(pattern string) *jsonschema.Schema { return &jsonschema.Schema{Type: "string", Pattern: pattern} }
	switch t {
	case reflect.TypeFor[bridge.Secret](), reflect.TypeFor[bridge.Pattern]():
		return text("")
	case reflect.TypeFor[bridge.Duration]():
		return text(fromEnv + `^([0-9.]+(ms|s|m|h|d))+$`)
	case reflect.TypeFor[bridge.Size]():
		return text(fromEnv + `^[0-9.]+ ?([KMGTkmgt]i?)?[Bb]$`)
	case reflect.TypeFor[bridge.Limit]():
		return oneOf(&jsonschema.Schema{Type: "integer"}, text(fromEnv+`^[0-9.]+ ?%$`))
	case reflect.TypeFor[bridge.GapConfig]():
		type keys bridge.GapConfig
		return oneOf(text(fromEnv+`^(hold|warn|skip after .+)$`), reflectSchema(reflect.TypeFor[keys]()))
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
