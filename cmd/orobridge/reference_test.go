package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
	"github.com/orobridge/orobridge/formats"
)

// golden compares a file with what it should hold.
func golden(t *testing.T, name, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), want); diff != "" {
		t.Errorf("%s is out of date (-is +should), go test ./cmd/orobridge -update writes it anew:\n%s", name, diff)
	}
}

func TestSchemaGolden(t *testing.T) {
	data, err := json.MarshalIndent(config.Schema(kinds), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/schema.json", string(data)+"\n")
}

// TestReadme keeps the tables of the README and of the documents equal to the program: config keys, verbs, exit codes, versions.
// Every key must have a description: a tag doc at its field.
func TestReadme(t *testing.T) {
	for _, part := range []struct{ file, title, body string }{
		{"help/config.md", "config", configReference(t)},
		{"help/start.md", "versions", versionsReference()},
		{"help/mapping.md", "functions", functionReference()},
		{"help/mapping.md", "fields", fieldReference()},
		{"../../README.md", "verbs", verbReference()},
		{"../../README.md", "exit codes", exitReference()},
	} {
		data, err := os.ReadFile(part.file)
		if err != nil {
			t.Fatal(err)
		}
		text := string(data)
		begin, end := "<!-- "+part.title+" begin -->\n", "<!-- "+part.title+" end -->"
		i, j := strings.Index(text, begin), strings.Index(text, end)
		if i < 0 || j < i {
			t.Fatalf("%s lacks the marks %s and %s", part.file, strings.TrimSpace(begin), end)
		}
		golden(t, part.file, text[:i+len(begin)]+"\n"+part.body+"\n"+text[j:])
	}
}

// versionsReference tells what works with which version, in the words of check.
func versionsReference() string {
	orders := []string{"order.created", "order.updated"}
	var b strings.Builder
	b.WriteString("| version | what check says of it |\n| --- | --- |\n")
	for _, v := range []struct {
		name string
		bridge.Capabilities
	}{
		{"6.1.0 to 6.1.9", bridge.Capabilities{Kits: true}},
		{"6.1.10", bridge.Capabilities{Kits: true, ExternalID: true, ExtID: true}},
		{"6.1.11", bridge.Capabilities{Kits: true, ExternalID: true, ExtID: true, Webhooks: true, Topics: orders}},
		{"7.0.0, 7.0.1", bridge.Capabilities{Kits: true, Paged: true}},
		{"7.0.2 to 7.0.4", bridge.Capabilities{Kits: true, Paged: true, ExternalID: true, ExtID: true, Webhooks: true, Topics: orders}},
		{"7.1", bridge.Capabilities{Kits: true, Paged: true, ExternalID: true, ExtID: true, Webhooks: true, Topics: append([]string{"customer.created"}, orders...)}},
	} {
		fmt.Fprintf(&b, "| %s | %s |\n", v.name, cell(v.String()))
	}
	return b.String()
}

func functionReference() string {
	var b strings.Builder
	b.WriteString("| function | gives | example |\n| --- | --- | --- |\n")
	for _, f := range formats.Functions {
		example := "`" + f.Example + "`"
		for i, column := range slices.Sorted(maps.Keys(f.Row)) {
			sep := ", "
			if i == 0 {
				sep = " with "
			}
			example += fmt.Sprintf("%s%s %q", sep, cell(column), f.Row[column])
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s gives %q |\n", f.Use, cell(f.Doc), strings.ReplaceAll(example, "|", `\|`), f.Result)
	}
	return b.String()
}

func fieldReference() string {
	var b strings.Builder
	for _, v := range show.NewFormats(nil, nil, formats.Entities).Entities {
		fmt.Fprintf(&b, "**`%s`**\n\n| field | kind | | meaning |\n| --- | --- | --- | --- |\n", v.Entity)
		for _, row := range v.Rows() {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", row[0], row[1], row[2], cell(row[3]))
		}
		b.WriteString("\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func exitReference() string {
	var b strings.Builder
	b.WriteString("| code | meaning |\n| --- | --- |\n")
	for _, c := range exitCodes {
		fmt.Fprintf(&b, "| %d | %s |\n", c.code, c.meaning)
	}
	b.WriteString("\n| verb | ends with 3 when |\n| --- | --- |\n")
	for _, x := range partlyWhen {
		fmt.Fprintf(&b, "| `%s` | %s |\n", x.verb, cell(x.when))
	}
	return b.String()
}

func verbReference() string {
	var b strings.Builder
	b.WriteString("| verb | what it does |\n| --- | --- |\n")
	root := newRootCommand(&app{env: func(string) (string, bool) { return "", false }})
	for _, cmd := range root.Commands() {
		verbs := cmd.Commands()
		if len(verbs) == 0 {
			verbs = append(verbs, cmd)
		}
		for _, v := range verbs {
			if v.Name() != "help" && !v.Hidden {
				use := strings.TrimSuffix(strings.TrimPrefix(v.UseLine(), "orobridge "), " [flags]")
				fmt.Fprintf(&b, "| `%s` | %s |\n", cell(use), cell(v.Short))
			}
		}
	}
	return b.String()
}

func configReference(t *testing.T) string {
	s := config.Schema(kinds)
	var b strings.Builder
	for pair := s.Properties.Oldest(); pair != nil; pair = pair.Next() {
		at := pair.Value
		fmt.Fprintf(&b, "**`%s`**: %s\n\n", pair.Key, at.Description)
		switch {
		case at.Items != nil:
			at = at.Items
		case at.AdditionalProperties != nil && at.AdditionalProperties.Properties != nil:
			at = at.AdditionalProperties
		}
		if at.AdditionalProperties != nil && at.AdditionalProperties.OneOf != nil {
			kindTables(t, &b, "kind: %s", pair.Key, at.AdditionalProperties.OneOf)
			continue
		}
		b.WriteString(tableHead)
		var formats []*jsonschema.Schema
		keys(t, &b, &formats, "", at)
		b.WriteString("\n")
		kindTables(t, &b, "format: { kind: %s }", pair.Key, formats)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

const tableHead = "| key | meaning | default |\n| --- | --- | --- |\n"

// kindTables writes a table for each kind of what a part of the config holds.
func kindTables(t *testing.T, b *strings.Builder, named, part string, kinds []*jsonschema.Schema) {
	for _, k := range kinds {
		fmt.Fprintf(b, "`"+named+"` of `%s`:\n\n%s", k.Title, part, tableHead)
		keys(t, b, nil, "", k)
		b.WriteString("\n")
	}
}

// keys writes a row for each key, those of inner structs behind a dot and those of lists behind []; the kinds of format are left for tables of
// their own.
func keys(t *testing.T, b *strings.Builder, formats *[]*jsonschema.Schema, prefix string, s *jsonschema.Schema) {
	for pair := s.Properties.Oldest(); pair != nil; pair = pair.Next() {
		key, p := prefix+pair.Key, pair.Value
		if p.Const != nil || strings.HasSuffix(key, "_file") && hasKey(s, strings.TrimSuffix(pair.Key, "_file")) ||
			strings.HasSuffix(key, "_env") {
			continue
		}
		if p.Description == "" {
			t.Errorf("%s has no description", key)
		}
		meaning := cell(p.Description)
		if p.Properties != nil && p.Properties.Len() > 0 {
			keys(t, b, nil, key+".", p)
			continue
		}
		if slices.Contains(s.Required, pair.Key) {
			meaning = "**required**; " + meaning
		}
		if hasKey(s, pair.Key+"_file") && hasKey(s, pair.Key+"_env") {
			meaning += fmt.Sprintf("; also `%s_file`, `%s_env`", pair.Key, pair.Key)
		}
		if words := enum(p); words != "" {
			meaning += ": " + words
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", key, meaning, preset(p))
		if pair.Key == "format" && formats != nil {
			*formats = p.OneOf
		}
		if e := element(p); e != nil {
			keys(t, b, nil, key+"[].", e)
		}
	}
}

// element is what a list of keys and values holds; nil for all else.
func element(list *jsonschema.Schema) *jsonschema.Schema {
	if list.Items == nil {
		return nil
	}
	for _, s := range append([]*jsonschema.Schema{list.Items}, list.Items.OneOf...) {
		if s.Properties != nil && s.Properties.Len() > 0 {
			return s
		}
	}
	return nil
}

func hasKey(s *jsonschema.Schema, key string) bool {
	_, ok := s.Properties.Get(key)
	return ok
}

func enum(p *jsonschema.Schema) string {
	values := p.Enum
	if p.Items != nil {
		values = p.Items.Enum
	}
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = fmt.Sprintf("`%v`", v)
	}
	return strings.Join(words, ", ")
}

func preset(p *jsonschema.Schema) string {
	if p.Default == nil {
		return ""
	}
	return fmt.Sprintf("`%v`", p.Default)
}

// cell makes a text fit into a table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "*", `\*`, "<", `\<`, "_", `\_`).Replace(s)
}

// TestKindsAreDescribed keeps `orobridge formats` complete.
func TestKindsAreDescribed(t *testing.T) {
	v, err := describeFormats(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range append(v.Feeds, v.Exports...) {
		if k.Doc == "" {
			t.Errorf("kind %s has no description", k.Kind)
		}
	}
}
