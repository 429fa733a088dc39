package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/invopop/jsonschema"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/expect"
	"github.com/orobridge/orobridge/formats"
)

// Schema describes the config for editors. It is made of the structs that a config is decoded into, and of the options of
// each kind.
func Schema(kinds Kinds) *jsonschema.Schema {
	s := describer{kinds}.describe(reflect.TypeFor[Config]())
	s.Version = jsonschema.Version
	s.Title = "orobridge.yaml"
	return s
}

// A describer makes the schema of a type.
type describer struct{ kinds Kinds }

func (d describer) describe(t reflect.Type) *jsonschema.Schema {
	r := &jsonschema.Reflector{
		Anonymous:                  true,
		DoNotReference:             true,
		FieldNameTag:               "yaml",
		RequiredFromJSONSchemaTags: true,
		Mapper:                     d.value,
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

// value describes the types that are not written as Go's own kinds are.
func (d describer) value(t reflect.Type) *jsonschema.Schema {
	text := func(pattern string) *jsonschema.Schema { return &jsonschema.Schema{Type: "string", Pattern: pattern} }
	switch t {
	case secretType, reflect.TypeFor[Pattern](), reflect.TypeFor[Schedule]():
		return text("")
	case reflect.TypeFor[bridge.Duration]():
		return text(fromEnv + `^([0-9.]+(ms|s|m|h|d|y))+$`)
	case reflect.TypeFor[bridge.FileMode]():
		return oneOf(&jsonschema.Schema{Type: "integer"}, text(fromEnv+`^(0|0o)?[0-7]{3}$`))
	case reflect.TypeFor[bridge.Size]():
		return text(fromEnv + `^[0-9.]+ ?([KMGTkmgt]i?)?[Bb]$`)
	case reflect.TypeFor[expect.Time]():
		return text(fromEnv + `^[0-9]{1,2}:[0-9]{2}$`)
	case reflect.TypeFor[expect.Days](), reflect.TypeFor[Hours]():
		return text("")
	case reflect.TypeFor[Socket]():
		return oneOf(&jsonschema.Schema{Type: "boolean"}, text(""))
	case reflect.TypeFor[Limit]():
		return oneOf(&jsonschema.Schema{Type: "integer"}, text(fromEnv+`^[0-9.]+ ?%$`))
	case reflect.TypeFor[Gap]():
		type keys Gap
		return oneOf(text(fromEnv+`^(hold|warn|skip after .+)$`), d.describe(reflect.TypeFor[keys]()))
	case reflect.TypeFor[Collect]():
		type keys Collect
		return oneOf(text(fromEnv+`^[0-9]+ orders or .+$`), d.describe(reflect.TypeFor[keys]()))
	case reflect.TypeFor[BackupPlace]():
		type keys BackupPlace
		return oneOf(text(""), d.describe(reflect.TypeFor[keys]()))
	case reflect.TypeFor[Names]():
		return oneOf(text(""), &jsonschema.Schema{Type: "array", Items: text("")})
	case reflect.TypeFor[Signature]():
		type keys Signature
		return oneOf(&jsonschema.Schema{Type: "string", Enum: []any{"required", "optional"}}, d.describe(reflect.TypeFor[keys]()))
	case reflect.TypeFor[Wrapping]():
		type keys Wrapping
		return oneOf(&jsonschema.Schema{Type: "string", Enum: []any{"gzip", "zip"}}, d.describe(reflect.TypeFor[keys]()))
	case reflect.TypeFor[formats.Entity]():
		names := text("")
		for _, e := range formats.Entities {
			names.Enum = append(names.Enum, e.Name)
		}
		return names
	case reflect.TypeFor[Remote]():
		return variants(d, d.kinds.Remotes, commonKeys(t))
	case reflect.TypeFor[formats.Format]():
		return variants(d, d.kinds.Formats, nil)
	case reflect.TypeFor[formats.OrderFormat]():
		return variants(d, d.kinds.Orders, nil)
	}
	return nil
}

func oneOf(schemas ...*jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{OneOf: schemas}
}

// variants describes the options of each kind, and the keys that all kinds have.
func variants[T any](d describer, kinds map[string]func() T, common []reflect.StructField) *jsonschema.Schema {
	var all []*jsonschema.Schema
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		s := d.describe(structOf(kinds[kind]()).Type())
		shared := d.describe(reflect.StructOf(common))
		for pair := shared.Properties.Oldest(); pair != nil; pair = pair.Next() {
			s.Properties.Set(pair.Key, pair.Value)
		}
		s.Title = kind
		s.Properties.Set("kind", &jsonschema.Schema{Const: kind})
		s.Required = append(s.Required, "kind")
		all = append(all, s)
	}
	return oneOf(all...)
}

// commonKeys are the fields of a struct beside its kind and the options of the kind.
func commonKeys(t reflect.Type) []reflect.StructField {
	return slices.DeleteFunc(reflect.VisibleFields(t), func(f reflect.StructField) bool {
		return f.Type.Kind() == reflect.Interface || f.Tag.Get("yaml") == "kind"
	})
}

// secretForms adds the forms x_file and x_env to each secret x of a struct.
func secretForms(t reflect.Type) []reflect.StructField {
	var forms []reflect.StructField
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Type != secretType {
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
