package config

import (
	"encoding"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// TestAMarkKnowsEachKey: whatever is set to something else gives another mark, and nothing else does. A type that a mark could not
// look into is one that this test does not know how to change.
func TestAMarkKnowsEachKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(file, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &Config{Remotes: map[string]*Remote{"sap": {Name: "sap", Kind: "test"}}, Feeds: []*Feed{{Unwrap: make([]Wrapping, 1), Expect: &Expect{}}},
		Exports: []*Export{{Encrypt: &Encrypt{}}}, Admin: &Admin{OIDC: &OIDC{}, Users: []*User{{}}}, Notify: []*Route{{}}, Subscribers: []*Subscriber{{}}}
	before := MarkOf(c)
	if MarkOf(c) != before {
		t.Fatal("a mark is another one the second time")
	}
	seen := 0
	var each func(path string, v reflect.Value)
	changed := func(path string, v reflect.Value, to any) {
		seen++
		was := reflect.New(v.Type()).Elem()
		was.Set(v)
		v.Set(reflect.ValueOf(to).Convert(v.Type()))
		if MarkOf(c) == before {
			t.Errorf("%s: %v is as good as %v", path, v, was)
		}
		v.Set(was)
	}
	each = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			if !v.IsNil() {
				each(path, v.Elem())
			}
		case reflect.Struct:
			all := members(v)
			if _, text := v.Interface().(encoding.TextMarshaler); len(all) == 0 && !text {
				if _, said := v.Interface().(fmt.Stringer); !said {
					t.Errorf("%s: a mark can't look into %v", path, v.Type())
				}
			}
			for _, m := range all {
				each(path+"."+m.key, m.value)
			}
		case reflect.Slice:
			if v.Len() > 0 {
				each(path, v.Index(0))
			} else if v.Type().Elem().Kind() == reflect.String {
				changed(path, v, []string{"x"})
			}
		case reflect.Map:
			for _, k := range v.MapKeys() {
				each(path, v.MapIndex(k))
			}
		case reflect.String:
			changed(path, v, v.String()+"x")
		case reflect.Bool:
			changed(path, v, !v.Bool())
		case reflect.Int, reflect.Int64:
			changed(path, v, v.Int()+int64(1e9))
		}
	}
	each("", reflect.ValueOf(c))
	if seen < 100 {
		t.Errorf("only %d keys were changed", seen)
	}

	named := &Shop{CAFile: file}
	before = MarkOf(named)
	if err := os.WriteFile(file, []byte("two"), 0o600); err != nil {
		t.Fatal(err)
	}
	if MarkOf(named) == before {
		t.Error("the content of a file counts for nothing")
	}
	if MarkOf("a", "bc") == MarkOf("ab", "c") {
		t.Error("parts run into one another")
	}
}
