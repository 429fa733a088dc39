package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/spf13/pflag"

	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/cmd/orobridge/help"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/csv"
)

// What the documents say is held against the program: each fragment of a config is read, each command of a console is played by
// a script of testdata/script, and each command that a sentence names exists with its flags.

var fenced = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```")

// blocks are a document's fenced parts of one language.
func blocks(text, language string) []string {
	var found []string
	for _, m := range fenced.FindAllStringSubmatch(text, -1) {
		if m[1] == language {
			found = append(found, m[2])
		}
	}
	return found
}

// pages are the topics and the README.
func pages(t *testing.T) []help.Topic {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return append(help.Topics(), help.Topic{Name: "README", Text: string(readme)})
}

func TestTopicsAreWhole(t *testing.T) {
	var names []string
	for _, p := range help.Topics() {
		names = append(names, p.Name)
		if !strings.HasPrefix(p.Text, "# "+p.Title+"\n\n") {
			t.Errorf("%s does not begin with its title", p.Name)
		}
	}
	for _, name := range []string{"start", "feeds", "mapping", "sap", "exports", "states", "alarms", "page", "operation", "machines", "security",
		"troubleshooting", "json", "config", "figures", "faq"} {
		if !slices.Contains(names, name) {
			t.Errorf("there is no topic %s", name)
		}
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(readme, []byte("\n")); n > 200 {
		t.Errorf("the README has %d lines: it holds what a newcomer needs, the rest is a topic", n)
	}
	for _, name := range names {
		if !strings.Contains(string(readme), "(cmd/orobridge/help/"+name+".md)") {
			t.Errorf("the README does not name the topic %s", name)
		}
	}
}

// A fragment is a part of a config: what it leaves out is added here.
func TestConfigFragmentsAreRead(t *testing.T) {
	dir, key := t.TempDir(), "whsec_"+base64.StdEncoding.EncodeToString(make([]byte, 32))
	for name, value := range map[string]string{"ORO_CLIENT_SECRET": "demo", "OIDC_SECRET": "demo", "OPS_URL": "generic+https://hooks.example.com",
		"HEARTBEAT_URL": "https://beat.example.com", "OROBRIDGE_POSTGRES": "postgres://db.example.com/erp", "SIEM_URL": "https://siem.example.com", "WMS_SECRET": key} {
		t.Setenv(name, value)
	}
	for name, text := range map[string]string{"id_ed25519": "", "known_hosts": "", "sap.pub": "", "wms.hash": "", "siem.key": key, "plants.csv": "item,1000\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := 0
	for _, p := range pages(t) {
		for i, fragment := range blocks(p.Text, "yaml") {
			text := fragment
			for part, rest := range map[string]string{
				"oro":     "oro: { url: 'http://localhost:1', client_id: demo, client_secret: demo }\n",
				"remotes": "remotes: { sap: { kind: dir, path: drops } }\n",
			} {
				var parts map[string]any
				if err := yaml.Unmarshal([]byte(fragment), &parts); err != nil {
					t.Fatalf("%s, fragment %d: %v", p.Name, i+1, err)
				}
				if parts[part] == nil && (part != "oro" || parts["shops"] == nil) {
					text += rest
				}
			}
			var problems config.Problems
			_, err := config.Parse(filepath.Join(dir, "orobridge.yaml"), []byte(text), kinds, os.LookupEnv)
			if errors.As(err, &problems) {
				for _, x := range problems {
					// A secret that lies in a file of the reader's is not here.
					if !strings.Contains(x.Error(), "wms.hash") {
						t.Errorf("%s, fragment %d: %v\n%s", p.Name, i+1, x, fragment)
					}
				}
			}
			read++
		}
	}
	if read < 10 {
		t.Errorf("only %d fragments were found", read)
	}
}

// consoleLines are the commands of a document's consoles, without their comments.
func consoleLines(text string) []string {
	var lines []string
	for _, block := range blocks(text, "console") {
		for line := range strings.Lines(block) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				command, _, _ = strings.Cut(command, "  #")
				lines = append(lines, strings.TrimSpace(command))
			}
		}
	}
	return lines
}

// TestConsolesArePlayed: a script of testdata/script runs every command that a topic shows.
func TestConsolesArePlayed(t *testing.T) {
	played := regexp.MustCompile(`(?m)^(?:!? *exec|exits \d+|until '[^']*') (orobridge .*?)(?: &\w*&)?$`)
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	runs := map[string]bool{}
	for _, name := range scripts {
		script, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range played.FindAllStringSubmatch(string(script), -1) {
			runs[m[1]] = true
		}
	}
	for _, p := range help.Topics() {
		for _, command := range consoleLines(p.Text) {
			if !runs[command] && !runs[command+" --json"] {
				t.Errorf("%s: no script runs `%s`: add it to testdata/script/help.txtar", p.Name, command)
			}
		}
	}
}

// TestNamedCommandsExist: verbs and flags that sentences, tables and hints of the documents name.
func TestNamedCommandsExist(t *testing.T) {
	span := regexp.MustCompile("`orobridge ([^`]+)`")
	for _, p := range pages(t) {
		prose := fenced.ReplaceAllString(p.Text, "")
		for _, m := range span.FindAllStringSubmatch(prose, -1) {
			if err := exists(strings.ReplaceAll(m[1], `\|`, "|")); err != nil {
				t.Errorf("%s: `orobridge %s`: %v", p.Name, m[1], err)
			}
		}
	}
}

// exists says what is wrong with a command line whose arguments are examples.
func exists(line string) error {
	root := newRootCommand(&app{env: func(string) (string, bool) { return "", false }})
	words := strings.Fields(line)
	cmd, rest, err := root.Find(words)
	if err != nil || cmd == root {
		return fmt.Errorf("there is no such verb")
	}
	if cmd.Name() == "help" {
		return (&app{Pen: show.Pen{Stdout: &bytes.Buffer{}}}).explain(newRootCommand(&app{Pen: show.Pen{Stdout: &bytes.Buffer{}}, env: os.LookupEnv}), topicWord(rest))
	}
	cmd.InitDefaultHelpFlag()
	for i, w := range rest {
		if strings.HasPrefix(w, "--") && !strings.Contains(w, "=") && i+1 == len(rest) {
			flag := cmd.Flag(strings.TrimPrefix(w, "--"))
			if flag != nil && flag.NoOptDefVal == "" {
				rest = append(rest, flag.DefValue) // it is named, not used
			}
		}
	}
	if err := cmd.ParseFlags(rest); !errors.Is(err, pflag.ErrHelp) { // --help is no mistake
		return err
	}
	return nil
}

// topicWord leaves out TOPIC, which stands for any.
func topicWord(words []string) []string {
	if len(words) == 1 && words[0] == "TOPIC" {
		return []string{"start"}
	}
	return words
}

// TestExportColumnsAreTold: the table of columns has those of the CSV, in their order, and each name in JSON and in templates is one.
func TestExportColumnsAreTold(t *testing.T) {
	text, err := os.ReadFile("help/exports.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `([a-z_0-9]+)` \\| `([a-z_0-9.]+)` \\| `([A-Za-z0-9.]+)` \\|")
	var got, want []string
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		got = append(got, m[1])
		if !hasField(reflect.TypeFor[formats.Order](), strings.Split(m[2], "."), func(f reflect.StructField) string {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			return name
		}) {
			t.Errorf("an order in JSON has no %s", m[2])
		}
		if !hasField(reflect.TypeFor[formats.Order](), strings.Split(m[3], ".")[1:], func(f reflect.StructField) string { return f.Name }) {
			t.Errorf("an order in a template has no %s", m[3])
		}
	}
	for _, part := range []reflect.Type{reflect.TypeFor[csv.OrderHead](), reflect.TypeFor[csv.OrderItem]()} {
		for i := range part.NumField() {
			want = append(want, part.Field(i).Tag.Get("csv"))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the table has  %v\nthe files have %v", got, want)
	}
}

func hasField(in reflect.Type, path []string, name func(reflect.StructField) string) bool {
	if len(path) == 0 {
		return true
	}
	if in.Kind() == reflect.Slice {
		in = in.Elem()
	}
	for i := range in.NumField() {
		if f := in.Field(i); name(f) == path[0] {
			return hasField(f.Type, path[1:], name)
		}
	}
	return false
}

// Each picture that a document shows is there, is small, and is shown by some document.
func TestPicturesAreShown(t *testing.T) {
	shown := map[string]bool{}
	for _, p := range pages(t) {
		for _, m := range regexp.MustCompile(`!\[[^\]]+\]\((?:cmd/orobridge/help/)?([^)]+)\)`).FindAllStringSubmatch(p.Text, -1) {
			shown[m[1]] = true
			picture, err := help.Pictures.ReadFile(m[1])
			if err != nil {
				t.Errorf("%s shows what is not there: %v", p.Name, err)
			}
			if len(picture) > 100<<10 {
				t.Errorf("%s has %d bytes", m[1], len(picture))
			}
		}
	}
	files, err := help.Pictures.ReadDir("pictures")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !shown["pictures/"+f.Name()] {
			t.Errorf("no document shows %s", f.Name())
		}
	}
}
