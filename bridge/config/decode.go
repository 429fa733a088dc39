package config

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// A decoder puts a YAML document into the config's structs. It is our own because a config's writer needs all problems
// at once, each with its line and in the config's words, and because texts expand ${ENV} before they become values.
type decoder struct {
	file     string
	resolve  func(path string) string // relative to the config's folder
	env      func(string) (string, bool)
	kinds    Kinds
	lines    map[string]int  // where each key that was given stands, by its path: "feeds.prices.match"
	moved    map[string]bool // keys that were given by the name of an earlier release
	blind    bool            // secrets are not read
	budget   int             // nodes that may still be visited: aliases can blow a small file up
	problems Problems
	warnings Problems
	notes    Problems
}

const (
	maxNodes  = 200_000
	maxMerges = 16      // "<<" inside "<<"
	maxSecret = 1 << 20 // bytes of a secret's file
)

// parse reads the one document of a file into its nodes. It is the only place that calls the YAML library.
func (d *decoder) parse(data []byte) *yaml.Node {
	var doc yaml.Node
	err := yaml.Load(data, &doc)
	if err != nil {
		d.problems = append(d.problems, d.syntax(err))
		return nil
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		d.problem("", "begin with oro:, or write a config to begin with by orobridge init", "must be keys and values")
		return nil
	}
	return doc.Content[0]
}

// syntax is the problem of a file that is not YAML.
func (d *decoder) syntax(err error) Problem {
	p := Problem{File: d.file, Message: "not YAML: " + err.Error(),
		Hint: "a config is one YAML document; orobridge init writes one to begin with"}
	var at *yaml.LoadError
	if !errors.As(err, &at) {
		return p
	}
	p.Line, p.Message = at.Mark.Line, "not YAML: "+strings.TrimPrefix(at.Message, "yaml: ")
	if p.Line > 0 {
		if at.ContextMark.Line > 0 && at.ContextMsg != "" {
			p.Message += fmt.Sprintf(" %s that begins on line %d", at.ContextMsg, at.ContextMark.Line)
		}
		p.Hint = `quote texts that contain : # { } [ ] , & * ! | > ' " % @; indent with blanks, not tabs`
	}
	return p
}

// problem notes what is wrong with a key, at the line of the key or of what it stands in.
func (d *decoder) problem(path, hint, format string, args ...any) {
	d.problems = append(d.problems, d.finding(path, hint, format, args...))
}

// warn notes what works but should not stay.
func (d *decoder) warn(path, hint, format string, args ...any) {
	d.warnings = append(d.warnings, d.finding(path, hint, format, args...))
}

func (d *decoder) finding(path, hint, format string, args ...any) Problem {
	return Problem{File: d.file, Line: d.line(path), Key: path, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// line finds where a path stands, or where what it would stand in does.
func (d *decoder) line(path string) int {
	for path != "" {
		if line, ok := d.lines[path]; ok {
			return line
		}
		path = path[:max(0, strings.LastIndexByte(path, '.'))]
	}
	return 1
}

// given says whether the config's writer wrote the key.
func (d *decoder) given(path string) bool {
	_, ok := d.lines[path]
	return ok
}

// failed says whether the key, or one below it, has a problem already.
func (d *decoder) failed(path string) bool {
	return slices.ContainsFunc(d.problems, func(p Problem) bool {
		return p.Key == path || strings.HasPrefix(p.Key, path+".")
	})
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// value puts a node into v.
func (d *decoder) value(path string, n *yaml.Node, v reflect.Value) {
	if d.budget--; d.budget < 0 {
		return
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch into := v.Addr().Interface().(type) {
	case **formats.Entity:
		d.entity(path, n, into)
		return
	case *Remote:
		union(d, path, n, "{ kind: sftp, address: … }", d.kinds.Remotes, func(o bridge.RemoteOptions) reflect.Value {
			into.Options = o
			return v
		})
		return
	case *formats.Format:
		union(d, path, n, "format: { kind: csv }", d.kinds.Formats, func(f formats.Format) reflect.Value {
			*into = f
			return structOf(f)
		})
		return
	case *formats.OrderFormat:
		union(d, path, n, "format: { kind: csv }", d.kinds.Orders, func(f formats.OrderFormat) reflect.Value {
			*into = f
			return structOf(f)
		})
		return
	case encoding.TextUnmarshaler:
		if n.Kind == yaml.ScalarNode {
			if text, ok := d.text(path, n); ok {
				d.unmarshal(path, text, into)
			}
			return
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(path, n, v.Elem())
	case reflect.Struct:
		d.object(path, d.entries(path, n, 0), v, nil)
	case reflect.Map:
		d.dict(path, n, v)
	case reflect.Slice:
		d.list(path, n, v)
	default:
		if text, ok := d.text(path, n); ok {
			d.scalar(path, text, v)
		}
	}
}

// text is what a scalar says, with ${ENV} expanded.
func (d *decoder) text(path string, n *yaml.Node) (string, bool) {
	switch n.Kind {
	case yaml.ScalarNode:
		return d.expand(path, n.Value)
	case yaml.MappingNode:
		d.problem(path, "quote it when it begins with {", "must be a single value, not keys and values")
	default:
		d.problem(path, "quote it when it begins with [", "must be a single value, not a list")
	}
	return "", false
}

// expand replaces ${NAME} by the environment's value and $$ by $; any other $ stays.
func (d *decoder) expand(path, s string) (string, bool) {
	var b strings.Builder
	good := true
	for {
		i := strings.IndexByte(s, '$')
		if i < 0 || i+1 == len(s) {
			b.WriteString(s)
			return b.String(), good
		}
		b.WriteString(s[:i])
		switch s = s[i+1:]; s[0] {
		case '$':
			b.WriteByte('$')
			s = s[1:]
		case '{':
			name, rest, closed := strings.Cut(s[1:], "}")
			value, ok := d.env(name)
			if !closed {
				d.problem(path, "write $$ for a plain $", "${ has no }")
				return "", false
			}
			if !ok {
				d.problem(path, "set it where the bridge is started; write $$ for a plain $", "the environment variable %s is not set", name)
				good = false
			}
			b.WriteString(value)
			s = rest
		default:
			b.WriteByte('$')
		}
	}
}

func (d *decoder) unmarshal(path, text string, into encoding.TextUnmarshaler) {
	if err := into.UnmarshalText([]byte(text)); err != nil {
		d.problem(path, "", "%v", err)
	}
}

// scalar puts a text into a basic value.
func (d *decoder) scalar(path, text string, v reflect.Value) {
	var err error
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
		return
	case reflect.Bool:
		i := slices.Index([]string{"true", "yes", "on", "false", "no", "off"}, strings.ToLower(text))
		if i < 0 {
			d.problem(path, "", "%q is neither true nor false", text)
		}
		v.SetBool(i >= 0 && i < 3)
		return
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		var n int64
		n, err = strconv.ParseInt(text, 10, v.Type().Bits())
		v.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		var n uint64
		n, err = strconv.ParseUint(text, 10, v.Type().Bits())
		v.SetUint(n)
	case reflect.Float32, reflect.Float64:
		var n float64
		n, err = strconv.ParseFloat(text, v.Type().Bits())
		v.SetFloat(n)
	default:
		err = fmt.Errorf("values of type %s", v.Type())
	}
	if err != nil {
		d.problem(path, "", "%q is not a number", text)
	}
}

// entry is one key of a mapping with its value.
type entry struct {
	key   string
	line  int
	value *yaml.Node
}

// empty says that nothing stands behind the key's colon.
func (e entry) empty() bool { return e.value.Kind == yaml.ScalarNode && e.value.Tag == "!!null" }

// entries lists the keys of a mapping; what "<<" brings in stands behind and yields to the mapping's own keys.
func (d *decoder) entries(path string, n *yaml.Node, depth int) []entry {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		d.problem(path, "", "must be keys and values")
		return nil
	}
	var own, merged []entry
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content) && d.budget > 0; i += 2 {
		d.budget--
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode:
			d.problems = append(d.problems, Problem{File: d.file, Line: key.Line, Key: path, Message: "a key must be a single word"})
			continue
		case key.Value == "<<" && depth < maxMerges:
			merged = append(merged, d.merged(path, value, depth+1)...)
			continue
		case seen[key.Value]:
			d.problems = append(d.problems, Problem{File: d.file, Line: key.Line, Key: join(path, key.Value), Message: "stands twice"})
			continue
		}
		seen[key.Value] = true
		own = append(own, entry{key.Value, key.Line, value})
	}
	for _, e := range merged {
		if !seen[e.key] {
			seen[e.key] = true
			own = append(own, e)
		}
	}
	return own
}

// merged lists what a "<<" brings in: one mapping or a list of them.
func (d *decoder) merged(path string, n *yaml.Node, depth int) []entry {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.SequenceNode {
		return d.entries(path, n, depth)
	}
	var all []entry
	for _, part := range n.Content {
		all = append(all, d.entries(path, part, depth)...)
	}
	return all
}

// member is a field of a struct as a config sees it.
type member struct {
	key      string
	value    reflect.Value
	doc      string
	required bool
	local    bool   // a path of this machine, or several
	preset   string // default
	enum     []string
	min, max string
}

// members lists the fields of a struct that a config can set, those of inlined structs as well.
func members(v reflect.Value) []member {
	var all []member
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		key, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if inline := options == "inline" || f.Anonymous && key == ""; inline {
			if inner := v.Field(i); inner.Kind() == reflect.Struct {
				all = append(all, members(inner)...)
			} else if inner.Kind() == reflect.Interface && !inner.IsNil() {
				all = append(all, members(structOf(inner.Interface()))...)
			}
			continue
		}
		if !f.IsExported() || key == "" || key == "-" {
			continue
		}
		m := member{key: key, value: v.Field(i), doc: f.Tag.Get("doc")}
		for _, word := range strings.Split(f.Tag.Get("jsonschema"), ",") {
			switch name, text, _ := strings.Cut(word, "="); name {
			case "required":
				m.required = true
			case "default":
				m.preset = text
			case "enum":
				m.enum = append(m.enum, text)
			case "format":
				m.local = text == "path"
			case "minimum":
				m.min = text
			case "maximum":
				m.max = text
			}
		}
		all = append(all, m)
	}
	return all
}

// object puts entries into a struct. A key with nothing behind its colon counts as not given. kind is what the struct is
// the options of, if it is that.
func (d *decoder) object(path string, entries []entry, v reflect.Value, kind *chosen) {
	fields := members(v)
	values := map[string]entry{}
	for _, e := range entries {
		if !e.empty() {
			values[e.key] = e
			d.lines[join(path, e.key)] = e.line
		}
	}
	for _, m := range fields {
		if m.value.Type() == secretType {
			d.secret(path, m, values)
			continue
		}
		e, ok := values[m.key]
		if !ok {
			d.absent(path, m)
			continue
		}
		before := len(d.problems)
		d.value(join(path, m.key), e.value, m.value)
		if len(d.problems) == before {
			d.limits(join(path, m.key), m)
			d.localize(m)
		}
	}
	known := keysOf(fields)
	if kind != nil {
		known = append(known, "kind")
	}
	for _, e := range entries {
		if slices.Contains(known, e.key) {
			continue
		}
		where := join(path, e.key)
		d.lines[where] = e.line
		if other := kind.elsewhere(e.key); other != "" {
			d.problem(where, "remove it, or set kind: "+other, "has no meaning for kind %s", kind.name)
			continue
		}
		d.problem(where, unknownKey(e.key, known, fields), "the bridge knows no such key here")
	}
}

var secretType = reflect.TypeFor[bridge.Secret]()

// keysOf lists the keys of fields, those of a secret in all its forms.
func keysOf(fields []member) []string {
	var keys []string
	for _, m := range fields {
		keys = append(keys, m.key)
		if m.value.Type() == secretType {
			keys = append(keys, m.key+"_file", m.key+"_env")
		}
	}
	return keys
}

// localize makes paths of this machine, which are relative to the config's folder, absolute or relative to the working
// folder.
func (d *decoder) localize(m member) {
	switch {
	case !m.local:
	case m.value.Kind() == reflect.String:
		m.value.SetString(d.resolve(m.value.String()))
	default:
		for i := range m.value.Len() {
			m.value.Index(i).SetString(d.resolve(m.value.Index(i).String()))
		}
	}
}

// unknownKey is the hint for a key that is not known: a near one here or one level down, or the list.
func unknownKey(key string, known []string, fields []member) string {
	if hint := formats.DidYouMean(key, known); hint != "" {
		return hint
	}
	var below []string
	for _, m := range fields {
		if m.value.Kind() == reflect.Struct {
			for _, inner := range members(m.value) {
				below = append(below, inner.key+", below "+m.key)
				if inner.key == key {
					return fmt.Sprintf("it belongs below %s", m.key)
				}
			}
		}
	}
	for _, candidate := range below {
		word, _, _ := strings.Cut(candidate, ",")
		if formats.DidYouMean(key, []string{word}) != "" {
			return "did you mean " + candidate + "?"
		}
	}
	slices.Sort(known)
	return "known here: " + strings.Join(slices.Compact(known), ", ")
}

// absent gives a field that the config does not have its default.
func (d *decoder) absent(path string, m member) {
	if m.required {
		d.problem(path, "add "+m.key+": "+m.doc, "%s is missing", m.key)
		return
	}
	d.preset(m)
}

// preset sets a field that is empty, and those below it, to the defaults in the tags.
func (d *decoder) preset(m member) {
	if m.value.Kind() == reflect.Struct {
		for _, inner := range members(m.value) {
			d.preset(inner)
		}
	}
	if m.preset == "" || !m.value.IsZero() {
		return
	}
	if into, ok := m.value.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.unmarshal(m.key, m.preset, into)
		return
	}
	d.scalar(m.key, m.preset, m.value)
	d.localize(m)
}

// Defaults sets the fields of a struct of options to the defaults in its tags, for those who make options without a
// config. It takes a pointer to the struct and leaves alone what is set already.
func Defaults(options any) {
	d := &decoder{resolve: func(path string) string { return path }}
	for _, m := range members(structOf(options)) {
		d.preset(m)
	}
	if len(d.problems) > 0 {
		panic(fmt.Sprintf("the defaults of %T: %v", options, d.problems))
	}
}

// limits checks what a field's tag allows.
func (d *decoder) limits(path string, m member) {
	texts := []string{}
	switch {
	case m.value.Kind() == reflect.String:
		texts = append(texts, m.value.String())
	case m.value.Type() == reflect.TypeFor[[]string]():
		texts = m.value.Interface().([]string)
	}
	for _, text := range texts {
		if len(m.enum) > 0 && !slices.Contains(m.enum, text) {
			d.problem(path, formats.DidYouMean(text, m.enum), "%q is not one of %s", text, strings.Join(m.enum, ", "))
		}
	}
	if m.value.CanInt() && m.min != "" {
		low, _ := strconv.ParseInt(m.min, 10, 64)
		high, err := strconv.ParseInt(m.max, 10, 64)
		if n := m.value.Int(); n < low || err == nil && n > high {
			d.problem(path, "", "%d is out of bounds: %s", n, bounds(m))
		}
	}
	if m.required && m.value.Kind() == reflect.String && m.value.Len() == 0 {
		d.problem(path, "", "is empty")
	}
}

// ledgerSecret is the secret without which nobody can look at the ledger.
const ledgerSecret = "state.postgres"

// notRead stands for a secret that could not be read, or was not to be.
const notRead = "not read"

// secret reads the one form of a secret that is given.
func (d *decoder) secret(path string, m member, values map[string]entry) {
	var forms []string
	for _, suffix := range []string{"", "_file", "_env"} {
		if _, ok := values[m.key+suffix]; ok {
			forms = append(forms, m.key+suffix)
		}
	}
	if len(forms) == 0 {
		return
	}
	// What can't be read is given all the same: it must not look as if it were missing.
	m.value.SetString(notRead)
	if len(forms) > 1 {
		d.problem(join(path, forms[1]), "keep one", "%s and %s are both given", forms[0], forms[1])
		return
	}
	where := join(path, forms[0])
	text, ok := d.text(where, values[forms[0]].value)
	if !ok || d.blind && join(path, m.key) != ledgerSecret {
		return
	}
	switch forms[0] {
	case m.key + "_file":
		if text, ok = d.secretFile(where, text); !ok {
			return
		}
	case m.key + "_env":
		name := text
		if text, ok = d.env(name); !ok || text == "" {
			d.problem(where, "set it where the bridge is started", "the environment variable %s is not set", name)
			return
		}
	}
	m.value.SetString(text)
}

// secretFile reads a secret, without the newline that editors put at its end.
func (d *decoder) secretFile(path, name string) (string, bool) {
	full := d.resolve(name)
	info, err := os.Stat(full)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no ordinary file")
	}
	if err != nil {
		d.problem(path, "relative paths are relative to the config's folder", "read %s: %v", full, reason(err))
		return "", false
	}
	if info.Mode().Perm()&0o004 != 0 {
		d.warn(path, "chmod 600 "+full, "everybody on this machine can read %s", full)
	}
	data, err := readLimited(full, maxSecret)
	if err != nil {
		d.problem(path, "", "read %s: %v", full, reason(err))
		return "", false
	}
	if len(data) == 0 {
		d.problem(path, "", "%s is empty", full)
		return "", false
	}
	text := strings.TrimSuffix(string(data), "\n")
	return strings.TrimSuffix(text, "\r"), true
}

// readLimited reads a file of at most so many bytes.
func readLimited(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("it is larger than %s", bridge.Size(limit))
	}
	return data, err
}

// reason is the inner part of an error about a path that is named already.
func reason(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// dict puts a mapping with free keys into a map.
func (d *decoder) dict(path string, n *yaml.Node, v reflect.Value) {
	entries := d.entries(path, n, 0)
	v.Set(reflect.MakeMapWithSize(v.Type(), len(entries)))
	for _, e := range entries {
		where := join(path, e.key)
		d.lines[where] = e.line
		if e.empty() {
			hint := ""
			if v.Type().Elem().Kind() == reflect.String {
				hint = "write '' for an empty text"
			}
			d.problem(where, hint, "nothing stands behind the colon")
			continue
		}
		element := reflect.New(v.Type().Elem()).Elem()
		d.value(where, e.value, element)
		v.SetMapIndex(reflect.ValueOf(e.key), element)
	}
}

// list puts a sequence into a slice. The paths of its elements carry their name where they have one.
func (d *decoder) list(path string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		hint := "begin each element with a dash"
		if n.Kind == yaml.ScalarNode {
			hint = "write [" + n.Value + "]"
		}
		d.problem(path, hint, "must be a list")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, element := range n.Content {
		where := join(path, d.label(path, i, element))
		d.lines[where] = element.Line
		d.value(where, element, v.Index(i))
	}
}

// label is an element's name, or its number (from 1) when it has none or its name stands twice.
func (d *decoder) label(path string, i int, n *yaml.Node) string {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		return number(i)
	}
	for k := 0; k+1 < len(n.Content); k += 2 {
		name := n.Content[k+1].Value
		if n.Content[k].Value == "name" && validName(name) && !d.given(join(path, name)) {
			return name
		}
	}
	return number(i)
}

func number(i int) string { return strconv.Itoa(i + 1) }

func (d *decoder) entity(path string, n *yaml.Node, into **formats.Entity) {
	name, ok := d.text(path, n)
	if !ok {
		return
	}
	if *into, ok = formats.EntityByName(name); !ok {
		d.problem(path, formats.DidYouMean(name, entityNames()), "%q is not one of %s", name, strings.Join(entityNames(), ", "))
	}
}

func entityNames() []string {
	names := make([]string, len(formats.Entities))
	for i, e := range formats.Entities {
		names[i] = e.Name
	}
	return names
}

// chosen is a kind that a config names, among all that it may name.
type chosen struct {
	name string
	keys map[string][]string // of each kind
}

// elsewhere finds another kind that has a key; empty for none, and where there are no kinds.
func (k *chosen) elsewhere(key string) string {
	if k == nil {
		return ""
	}
	for _, other := range slices.Sorted(maps.Keys(k.keys)) {
		if slices.Contains(k.keys[other], key) {
			return other
		}
	}
	return ""
}

// union decodes what comes in kinds: its key kind says which struct its options go to. into takes what was made for the
// kind and returns the struct that the keys belong to.
func union[T any](d *decoder, path string, n *yaml.Node, example string, kinds map[string]func() T, into func(T) reflect.Value) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		d.problem(path, "write "+example, "must be keys and values")
		return
	}
	entries := d.entries(path, n, 0)
	names := slices.Sorted(maps.Keys(kinds))
	i := slices.IndexFunc(entries, func(e entry) bool { return e.key == "kind" })
	if i < 0 {
		d.problem(path, "write "+example, "kind is missing; it is one of %s", strings.Join(names, ", "))
		return
	}
	where := join(path, "kind")
	d.lines[where] = entries[i].line
	name, ok := d.text(where, entries[i].value)
	if !ok {
		return
	}
	create, ok := kinds[name]
	if !ok {
		d.problem(where, formats.DidYouMean(name, names), "%q is not one of %s", name, strings.Join(names, ", "))
		return
	}
	kind := &chosen{name, map[string][]string{}}
	for other, create := range kinds {
		kind.keys[other] = keysOf(members(structOf(create())))
	}
	d.object(path, entries, into(create()), kind)
}

// structOf is the struct of a kind's options.
func structOf(options any) reflect.Value {
	v := reflect.ValueOf(options)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		panic(fmt.Sprintf("options must be a pointer to a struct, not %T", options))
	}
	return v.Elem()
}

// bounds says what a number may be.
func bounds(m member) string {
	if m.max == "" {
		return "at least " + m.min
	}
	return m.min + " to " + m.max
}
