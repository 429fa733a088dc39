package api

import (
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// complete says in the description what the types say and the generator does not: that a pointer to an object may be null.
func complete(doc *huma.OpenAPI) {
	schemas := doc.Components.Schemas
	for name, schema := range schemas.Map() {
		if t := schemas.TypeFromRef("#/components/schemas/" + name); t != nil && t.Kind() == reflect.Struct {
			nullable(schema, t)
		}
	}
}

// nullable lets the properties of a struct be null that are pointers to structs; those of embedded structs are among them.
func nullable(schema *huma.Schema, t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct {
			nullable(schema, f.Type)
			continue
		}
		p := schema.Properties[name]
		if p == nil || p.Ref == "" || f.Type.Kind() != reflect.Pointer || f.Type.Elem() == reflect.TypeFor[time.Time]() {
			continue
		}
		schema.Properties[name] = &huma.Schema{AnyOf: []*huma.Schema{{Ref: p.Ref}, {Type: "null"}}, Description: p.Description}
	}
}
