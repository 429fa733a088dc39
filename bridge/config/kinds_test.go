package config_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/formats"
)

// door is a kind of remote that the config does not know: it has lists of structs, as a server with users has.
type door struct {
	Path  string          `yaml:"path" jsonschema:"required,format=path" doc:"folder of this machine"`
	Keys  []string        `yaml:"keys" jsonschema:"format=path" doc:"files with keys"`
	Quiet bridge.Duration `yaml:"quiet" jsonschema:"default=2s" doc:"how long a file must lie untouched"`
	Users []guest         `yaml:"users" doc:"who may come in"`

	setup bridge.RemoteSetup
}

type guest struct {
	Name     string        `yaml:"name" jsonschema:"required" doc:"login name"`
	Password bridge.Secret `yaml:"password" doc:"of the guest"`
	Files    int           `yaml:"files" jsonschema:"default=10,minimum=1" doc:"at most"`
	Write    []string      `yaml:"write" doc:"globs"`
}

var errOpened = errors.New("opened")

func (o *door) Open(s bridge.RemoteSetup) (bridge.Remote, error) {
	o.setup = s
	return nil, errOpened
}

func (o *door) Check() error {
	var all []error
	for _, u := range o.Users {
		if len(u.Write) == 0 {
			all = append(all, formats.AtKey("users", formats.AtKey(u.Name, formats.AtKey("write", errors.New("the guest may do nothing")))))
		}
		if u.Password == "wrong" {
			all = append(all, formats.AtKey("users", formats.AtKey(u.Name, formats.AtKey("password", errors.New("is wrong")))))
		}
	}
	return errors.Join(all...)
}

func (o *door) Doubts() error {
	if o.Quiet == 0 {
		return formats.AtKey("quiet", errors.New("takes every file for whole"))
	}
	return nil
}

func parseDoor(t *testing.T, remote string) (*config.Config, error) {
	t.Helper()
	kinds := kinds
	kinds.Remotes = maps.Clone(kinds.Remotes)
	kinds.Remotes["door"] = func() bridge.RemoteOptions { return &door{} }
	text := "oro: { url: https://shop.example.com, client_id: a, client_secret: b }\nremotes:\n  in:\n    kind: door\n" + remote + `
feeds:
  - { name: b, entity: products, remote: in, folder: /b, match: 'b*', format: { kind: csv } }
  - { name: a, entity: customers, remote: in, folder: a/, match: 'a*', format: { kind: csv } }
  - { name: c, entity: inventory, remote: in, folder: /a, match: 'c*', format: { kind: csv } }
`
	return config.Parse("/etc/orobridge/orobridge.yaml", []byte(text), kinds, testEnv)
}

// A kind of remote is a struct and a line of registry: keys, defaults, lists of structs, paths and what it is told.
func TestAnotherKindOfRemote(t *testing.T) {
	c, err := parseDoor(t, `    read_only: true
    path: door
    keys: [one, /etc/two]
    users: [ { name: sap, write: ['/out/**'] } ]`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.OpenRemote("in", "l1", nil); !errors.Is(err, errOpened) {
		t.Fatal(err)
	}
	o := c.Remotes["in"].Options.(*door)
	if o.setup.Log == nil {
		t.Error("no log")
	}
	o.setup.Log = nil
	want := door{Path: "/etc/orobridge/door", Keys: []string{"/etc/orobridge/one", "/etc/two"}, Quiet: bridge.Duration(2 * time.Second),
		Users: []guest{{Name: "sap", Files: 10, Write: []string{"/out/**"}}},
		setup: bridge.RemoteSetup{Name: "in", Identity: "l1", State: "/etc/orobridge/var", Folders: []string{"/a", "/b"},
			Own: []string{"/a/.work", "/b/.work"}}}
	if diff := cmp.Diff(want, *o, cmp.AllowUnexported(door{}), cmp.AllowUnexported(guest{})); diff != "" {
		t.Error(diff)
	}
	if len(c.Warnings) > 0 {
		t.Error(c.Warnings)
	}
	if !c.Remotes["in"].ReadOnly {
		t.Error("what all kinds have in common is lost")
	}
}

// Its problems are told at their lines, those of its own check as well.
func TestAnotherKindsProblems(t *testing.T) {
	_, err := parseDoor(t, `    user: oro
    pth: door
    users:
      - name: sap
        files: 0
      - name: mes
        password_env: NOT_SET
        write: ['/out/**']
      - name: wms
        password_env: ORO_CLIENT_SECRET
        write: []
      - write: ['/**']`)
	var said config.Problems
	if !errors.As(err, &said) {
		t.Fatal(err)
	}
	var lines []string
	for _, p := range said {
		lines = append(lines, fmt.Sprintf("%d %s: %s", p.Line, p.Key, p.Message))
	}
	want := []string{
		"3 remotes.in: path is missing",
		"5 remotes.in.user: has no meaning for kind door",
		"6 remotes.in.pth: the bridge knows no such key here",
		"8 remotes.in.users.sap.write: the guest may do nothing",
		"9 remotes.in.users.sap.files: 0 is out of bounds: at least 1",
		"11 remotes.in.users.mes.password_env: the environment variable NOT_SET is not set",
		"15 remotes.in.users.wms.write: the guest may do nothing",
		"16 remotes.in.users.4: name is missing",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}

// What works but should not stay is a warning.
func TestAnotherKindsDoubts(t *testing.T) {
	c, err := parseDoor(t, "    path: door\n    quiet: 0s")
	if err != nil {
		t.Fatal(err)
	}
	if want := "/etc/orobridge/orobridge.yaml:6: remotes.in.quiet: takes every file for whole"; c.Warnings.Error() != want {
		t.Errorf("%v", c.Warnings)
	}
}

func TestDefaultsLeaveWhatIsSet(t *testing.T) {
	o := door{Quiet: bridge.Duration(time.Minute)}
	config.Defaults(&o)
	if o.Quiet.D() != time.Minute {
		t.Error(o.Quiet)
	}
	o = door{}
	config.Defaults(&o)
	if o.Quiet.D() != 2*time.Second {
		t.Error(o.Quiet)
	}
}

// The short form of a wrapping has the defaults of its tags.
func TestDefaultsOfAShortForm(t *testing.T) {
	c, err := config.Parse("orobridge.yaml", []byte(`
oro: { url: https://shop.example.com, client_id: a, client_secret: b }
remotes: { disk: { kind: dir, path: /srv } }
feeds: [ { name: b, entity: products, remote: disk, match: 'b*', format: { kind: csv }, unwrap: [gzip] } ]
`), kinds, testEnv)
	if err != nil {
		t.Fatal(err)
	}
	if l := c.Feeds[0].Layers()[0]; l.MaxSize != 10e9 || l.MaxRatio != 200 || l.MaxEntries != 100 {
		t.Errorf("%+v", l)
	}
}

// The schema has the kinds of remotes, and in each the keys that all have.
func TestSchemaOfKinds(t *testing.T) {
	s := config.Schema(kinds)
	remotes, _ := s.Properties.Get("remotes")
	var titles []string
	for _, kind := range remotes.AdditionalProperties.OneOf {
		titles = append(titles, kind.Title)
		if _, ok := kind.Properties.Get("read_only"); !ok {
			t.Errorf("%s lacks read_only", kind.Title)
		}
		if !slices.Contains(kind.Required, "kind") {
			t.Errorf("%s does not require its kind", kind.Title)
		}
	}
	if diff := cmp.Diff([]string{"dir", "sftp"}, titles); diff != "" {
		t.Error(diff)
	}
	if s.Title != "orobridge.yaml" {
		t.Error(s.Title)
	}
}

// A file that looks cut off is held in mode full: what it lacks would be taken away.
func TestDefaultsOfTruncated(t *testing.T) {
	c, err := config.Parse("orobridge.yaml", []byte(`
oro: { url: https://shop.example.com, client_id: a, client_secret: b }
remotes: { disk: { kind: dir, path: /srv } }
feeds:
  - { name: a, entity: products, remote: disk, match: 'a*', format: { kind: csv } }
  - { name: b, entity: products, remote: disk, match: 'b*', format: { kind: csv }, mode: full }
  - { name: c, entity: products, remote: disk, match: 'c*', format: { kind: csv }, mode: full, truncated: accept }
`), kinds, testEnv)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"warn", "hold", "accept"} {
		if got := c.Feeds[i].Truncated; got != want {
			t.Errorf("%s: %s, want %s", c.Feeds[i].Name, got, want)
		}
	}
}

func TestShortFormsOfASignature(t *testing.T) {
	for text, good := range map[string]bool{"required": true, "optional": true, "fresh": false, "": false} {
		var s config.Signature
		if err := s.UnmarshalText([]byte(text)); (err == nil) != good || good && (s.Is != text || s.String() != text) {
			t.Errorf("%q: %+v, %v", text, s, err)
		}
	}
}
