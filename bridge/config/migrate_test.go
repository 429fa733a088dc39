package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	yaml "go.yaml.in/yaml/v4"
)

// Keys move in each element of a list or mapping, through aliases and merged keys, and nothing else is touched: an alias
// that shows the same keys where they are right keeps them.
func TestKeysMove(t *testing.T) {
	was := migrations
	t.Cleanup(func() { migrations = was })
	migrations = []migration{
		{in: "feeds.*", from: "old", to: "ready.new"},
		{in: "remotes.*", from: "a.b", to: "c"},
		{from: "token", to: "login.token", secret: true},
	}
	for _, tt := range []struct{ name, text, want, warned string }{
		{"nothing to move", "feeds: [{name: x}]\nfeeds2: {old: 1}", "feeds: [{name: x}]\nfeeds2: {old: 1}", ""},
		{"in each element", "feeds: [{name: x, old: 1}, {old: 2, ready: {other: 3}}]",
			"feeds: [{name: x, ready: {new: 1}}, {ready: {other: 3, new: 2}}]", "1 feeds.x.old, 1 feeds.2.old"},
		{"in each value", "remotes:\n  r:\n    a: {b: 1, z: 2}", "remotes: {r: {a: {z: 2}, c: 1}}", "3 remotes.r.a.b"},
		{"an alias elsewhere", "keep: &k {old: 1}\nfeeds:\n  - *k", "keep: {old: 1}\nfeeds: [{ready: {new: 1}}]", "1 feeds.1.old"},
		{"merged keys", "keep: &k {old: 1}\nfeeds:\n  - {<<: *k, name: x}", "keep: {old: 1}\nfeeds: [{name: x, ready: {new: 1}}]", "1 feeds.x.old"},
		{"a secret's form", "token_env: T", "login: {token_env: T}", "1 token_env"},
		{"no room", "token: T\nlogin: x", "token: T\nlogin: x", "1 token!"},
		{"given as well", "token: T\nlogin: {token: U}", "token: T\nlogin: {token: U}", "1 token!"},
		{"no mapping", "feeds: 5\nremotes: [1]", "feeds: 5\nremotes: [1]", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := &decoder{lines: map[string]int{}, moved: map[string]bool{}, budget: maxNodes}
			got := d.migrate(d.parse([]byte(tt.text)))
			if diff := cmp.Diff(plain(t, d.parse([]byte(tt.want))), plain(t, got)); diff != "" && !strings.HasSuffix(tt.warned, "!") {
				t.Error(diff)
			}
			var warned []string
			for _, w := range d.warnings {
				warned = append(warned, fmt.Sprintf("%d %s", w.Line, w.Key))
			}
			for _, p := range d.problems {
				warned = append(warned, fmt.Sprintf("%d %s!", p.Line, p.Key))
			}
			if got := strings.Join(warned, ", "); got != tt.warned {
				t.Errorf("warned of %q, not of %q", got, tt.warned)
			}
		})
	}
}

func plain(t *testing.T, n *yaml.Node) any {
	t.Helper()
	var v any
	if err := n.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}
