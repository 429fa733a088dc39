package config

import (
	"crypto/sha256"
	"encoding"
	"fmt"
	"hash"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// A Mark stands for a part of a config with all that it names: equal marks say that nothing of it has changed. It is made with secrets
// and must not be shown.
type Mark [sha256.Size]byte

// MarkOf marks parts of a config, such as a feed with its remote, as they are set: given or by default, secrets by their values. A file
// that one of them names counts with its content, as far as 1 MiB of it, or with what keeps it from being read.
func MarkOf(parts ...any) (m Mark) {
	h := sha256.New()
	for _, p := range parts {
		mark(h, reflect.ValueOf(p), false)
	}
	h.Sum(m[:0])
	return m
}

// mark writes a value in a form that no other value has; local says that its texts are paths of this machine.
func mark(h hash.Hash, v reflect.Value, local bool) {
	say := func(kind, text string) { fmt.Fprintf(h, "%s %d %s\n", kind, len(text), text) }
	if !v.IsValid() || v.IsZero() {
		say("nothing", "")
		return
	}
	if v.CanInterface() {
		switch x := v.Interface().(type) {
		case Mark:
			say("mark", string(x[:]))
			return
		case *formats.Entity:
			say("entity", x.Name)
			return
		case bridge.Secret:
			say("secret", x.Reveal())
			return
		case encoding.TextMarshaler: // durations, sizes, limits
			text, err := x.MarshalText()
			say("text", fmt.Sprint(string(text), err))
			return
		case fmt.Stringer:
			// patterns, schedules; others may say less than they hold
			if in := reflect.Indirect(v); in.Kind() != reflect.Struct || len(members(in)) == 0 {
				say("text", x.String())
				return
			}
		}
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		mark(h, v.Elem(), local)
	case reflect.Struct:
		all := members(v)
		say("struct", fmt.Sprint(v.Type(), len(all)))
		for _, m := range all {
			say("key", m.key)
			mark(h, m.value, m.local)
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(x, y reflect.Value) int { return strings.Compare(x.String(), y.String()) })
		say("map", fmt.Sprint(len(keys)))
		for _, k := range keys {
			say("key", k.String())
			mark(h, v.MapIndex(k), local)
		}
	case reflect.Slice:
		say("list", fmt.Sprint(v.Len()))
		for i := range v.Len() {
			mark(h, v.Index(i), local)
		}
	default:
		text := fmt.Sprint(v.Interface())
		if say("value", text); local && v.Kind() == reflect.String {
			say("file", content(text))
		}
	}
}

// content is what stands in a file; of a folder, a socket or a file that can't be read, that it is no file.
func content(path string) string {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return "no file"
	}
	data, err := readLimited(path, maxSecret)
	if err != nil {
		return fmt.Sprint("no file: ", reason(err))
	}
	return "file: " + string(data)
}
