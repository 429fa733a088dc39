package config

import (
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// migrations are the keys of earlier releases that still work. Each is read as what took its place, with a warning that
// names it.
var migrations = []migration{
	{from: "state.keep_archive", to: "state.keep.rows"},
	{from: "admin.webhook_url", to: "webhook.url", note: listensWhere},
	{from: "admin.webhook_secret", to: "webhook.secret", note: listensWhere, secret: true},
}

// listensWhere tells what else a webhook that moves has to say: see [checker.webhook].
const listensWhere = "; set webhook.listen as well: until then the webhook shares admin.listen"

// A migration gives a key another place.
type migration struct {
	in       string // path of what the keys belong to; * stands for each element: "feeds.*". Empty for the whole config
	from, to string // the old and the new key, below in
	note     string // what else to do, behind the hint
	secret   bool   // it has the forms x_file and x_env as well
}

// migrate puts old keys into their new places and says so.
func (d *decoder) migrate(root *yaml.Node) *yaml.Node {
	for _, m := range migrations {
		forms := []string{""}
		if m.secret {
			forms = []string{"", "_file", "_env"}
		}
		for _, form := range forms {
			from, to := m.from+form, m.to+form
			root = d.inEach("", root, split(m.in), func(path string, n *yaml.Node) *yaml.Node {
				rest, old := d.takeOut(path, n, split(from))
				if old == nil {
					return n
				}
				return d.putIn(path, rest, *old, from, to, m.note)
			})
		}
	}
	return root
}

func split(path string) []string {
	if path == "" {
		return nil
	}
	return strings.Split(path, ".")
}

// inEach changes each node that a path leads to. Nodes are copied on the way, since an alias shows them in other places.
func (d *decoder) inEach(path string, n *yaml.Node, keys []string, change func(string, *yaml.Node) *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if len(keys) == 0 {
		return change(path, n)
	}
	changed := *n
	changed.Content = append([]*yaml.Node(nil), n.Content...)
	for i := range n.Content {
		switch {
		case n.Kind == yaml.SequenceNode && keys[0] == "*":
			changed.Content[i] = d.inEach(join(path, d.label(path, i, n.Content[i])), n.Content[i], keys[1:], change)
		case n.Kind == yaml.MappingNode && i%2 == 1 && (keys[0] == "*" || keys[0] == n.Content[i-1].Value):
			changed.Content[i] = d.inEach(join(path, n.Content[i-1].Value), n.Content[i], keys[1:], change)
		}
	}
	return &changed
}

// takeOut takes an entry out of mappings; nil when it is not there.
func (d *decoder) takeOut(path string, n *yaml.Node, keys []string) (*yaml.Node, *entry) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		return n, nil
	}
	look := &decoder{file: d.file, lines: map[string]int{}, budget: d.budget}
	entries := look.entries(path, n, 0)
	d.budget = look.budget
	for i, e := range entries {
		if e.key != keys[0] {
			continue
		}
		if len(keys) == 1 {
			d.problems = append(d.problems, look.problems...)
			return mapping(n, append(entries[:i:i], entries[i+1:]...)), &e
		}
		inner, old := d.takeOut(join(path, e.key), e.value, keys[1:])
		if old == nil {
			return n, nil
		}
		d.problems = append(d.problems, look.problems...)
		entries[i].value = inner
		return mapping(n, entries), old
	}
	return n, nil
}

// putIn puts an entry that was taken out into its new place, unless that is taken.
func (d *decoder) putIn(path string, n *yaml.Node, old entry, from, to, note string) *yaml.Node {
	where := join(path, from)
	d.lines[where] = old.line
	there, ok := place(n, split(to), old)
	if !ok {
		d.problem(where, "remove "+from, "%s has taken its place, and is given as well", to)
		return n
	}
	d.moved[join(path, to)] = true
	d.warn(where, "write "+nested(to)+note, "is called %s now", to)
	return there
}

// place adds an entry below mappings, which are made where they are missing. It says whether there was room.
func place(n *yaml.Node, keys []string, e entry) (*yaml.Node, bool) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		return n, false
	}
	changed := *n
	changed.Content = append([]*yaml.Node(nil), n.Content...)
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != keys[0] {
			continue
		}
		if len(keys) == 1 {
			return n, false
		}
		inner, ok := place(n.Content[i+1], keys[1:], e)
		changed.Content[i+1] = inner
		return &changed, ok
	}
	value := e.value
	if len(keys) > 1 {
		value, _ = place(&yaml.Node{Kind: yaml.MappingNode, Line: e.line}, keys[1:], e)
	}
	changed.Content = append(changed.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: keys[0], Line: e.line}, value)
	return &changed, true
}

// mapping is a mapping with other entries.
func mapping(n *yaml.Node, entries []entry) *yaml.Node {
	changed := *n
	changed.Content = nil
	for _, e := range entries {
		changed.Content = append(changed.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: e.key, Line: e.line}, e.value)
	}
	return &changed
}

// nested writes a key as a config has it: webhook: { url: … }.
func nested(path string) string {
	keys := split(path)
	text := "…"
	for i := len(keys) - 1; i >= 0; i-- {
		text = keys[i] + ": " + text
		if i > 0 {
			text = "{ " + text + " }"
		}
	}
	return text
}
