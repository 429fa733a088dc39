package plan

import (
	"slices"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/formats"
)

// A full drop holds everything of its scope: all prices of the price lists that it names, all stock of its warehouse. What
// it lacks is withdrawn inside of that scope and nowhere else, and limits are judged against earlier drops of the same
// scope.

// maxScopes bounds the scopes of one file. A file that names more holds everything of all.
const maxScopes = 10_000

// scopes are those that a file names.
type scopes struct {
	fields []string // sorted
	named  map[string]bool
	last   string
	all    bool // the feed's drops hold everything there is, or this one names too many scopes
}

// scopesOf is where the planner gathers what the file names; nil when nothing of it is withdrawn.
func (p *Planner) scopesOf() *scopes {
	if p.Feed.Mode != "full" || p.Feed.Missing == "keep" {
		return nil
	}
	fields := ScopeFields(p.Feed)
	return &scopes{fields: fields, named: map[string]bool{}, all: len(fields) == 0}
}

// ScopeFields are the fields by which a feed's full drops are told apart.
func ScopeFields(f *config.Feed) []string {
	fields := f.Scope
	if fields == nil {
		fields = f.Entity.Scope
	}
	return slices.Sorted(slices.Values(fields))
}

func (s *scopes) add(rec *formats.Record) {
	if s.all {
		return
	}
	scope := s.of(rec.Entity, rec.Key, rec.Values)
	if scope == s.last && scope != "" {
		return
	}
	s.last = scope
	if !s.named[scope] {
		s.named[strings.Clone(scope)] = true // it is a piece of a row's key, which shares its memory with others
	}
	if len(s.named) > maxScopes {
		s.all = true
	}
}

// has says whether a record is inside of what the file names.
func (s *scopes) has(entity, key string, values []formats.Value) bool {
	if s.all {
		return true
	}
	e, ok := formats.EntityByName(entity)
	return ok && s.named[s.of(e, key, values)]
}

// of is the scope of a record: the texts of its fields, of which some are parts of its key.
func (s *scopes) of(e *formats.Entity, key string, values []formats.Value) string {
	if len(s.fields) == 1 {
		return textOf(e, key, values, s.fields[0])
	}
	texts := make([]string, len(s.fields))
	for i, f := range s.fields {
		texts[i] = textOf(e, key, values, f)
	}
	return formats.JoinKey(texts...)
}

func textOf(e *formats.Entity, key string, values []formats.Value, field string) string {
	if i, ok := slices.BinarySearchFunc(values, formats.Value{Field: field}, bridge.ByField); ok {
		return values[i].Text
	}
	at, n := -1, 0
	for i := range e.Fields {
		if e.Fields[i].Key {
			if e.Fields[i].Name == field {
				at = n
			}
			n++
		}
	}
	if at < 0 {
		return ""
	}
	if at == 0 && n > 1 && strings.IndexByte(key, '\\') < 0 { // the usual case costs nothing
		first, _, _ := strings.Cut(key, "|")
		return first
	}
	if parts := formats.SplitKey(key); n > 1 && at < len(parts) {
		return parts[at]
	}
	return key
}

// String names the scopes, for runs to be compared with those of the same scope.
func (s *scopes) String() string {
	if s == nil || s.all {
		return ""
	}
	names := make([]string, 0, len(s.named))
	for name := range s.named {
		names = append(names, name)
	}
	slices.Sort(names)
	text := strings.Join(names, "\n")
	if len(text) > 200 {
		return bridge.Digest(text)
	}
	return text
}
