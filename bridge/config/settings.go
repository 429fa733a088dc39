package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/formats"
)

// A Setting is a key of a config with the value that it has, given or by default.
type Setting struct {
	Key   string // with the keys above it, separated by points
	Value string
}

// Settings lists what a feed, an export, a shop or a remote is set to, in the order of their keys' declaration. What is empty is left
// out, and secrets show as <secret>.
func Settings(of any) []Setting { return settings("", reflect.ValueOf(of), nil) }

func settings(path string, v reflect.Value, all []Setting) []Setting {
	if !v.IsValid() || v.IsZero() {
		return all
	}
	switch x := v.Interface().(type) {
	case *formats.Entity:
		return append(all, Setting{path, x.Name})
	case encoding.TextMarshaler: // durations, sizes, limits, secrets
		text, err := x.MarshalText()
		if err != nil {
			text = []byte(err.Error())
		}
		return append(all, Setting{path, string(text)})
	case fmt.Stringer:
		return append(all, Setting{path, x.String()})
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return settings(path, v.Elem(), all)
	case reflect.Struct:
		for _, m := range members(v) {
			all = settings(strings.TrimPrefix(path+"."+m.key, "."), m.value, all)
		}
		return all
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(x, y reflect.Value) int { return strings.Compare(x.String(), y.String()) })
		for _, k := range keys {
			all = settings(path+"."+k.String(), v.MapIndex(k), all)
		}
		return all
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Struct {
			for i := range v.Len() {
				all = settings(fmt.Sprintf("%s.%d", path, i), v.Index(i), all)
			}
			return all
		}
		var texts []string
		for i := range v.Len() {
			texts = append(texts, fmt.Sprint(v.Index(i).Interface()))
		}
		return append(all, Setting{path, strings.Join(texts, ", ")})
	}
	return append(all, Setting{path, fmt.Sprint(v.Interface())})
}
