package orotest

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// controlPath is where a person sees what the box does, and gives it a bad day.
const controlPath = "/box"

var controlPage = template.Must(template.New("control").Funcs(template.FuncMap{"shorten": shorten}).Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Shop in a box</title>
<style>body{font:15px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.2rem .8rem .2rem 0;border-bottom:1px solid #ddd}input[type=text]{width:30rem}button{margin-right:.5rem}
pre{background:#f4f4f4;padding:.6rem}</style></head><body>
<h1>Shop in a box</h1>
<p>{{.Said}}</p>
<form method="post"><p><label>Trouble <input type="text" name="trouble" value="{{.Trouble}}"></label>
<button name="do" value="trouble">Begin</button>
<button name="do" value="well">End</button></p><pre>{{.Words}}</pre>
<p><button name="do" value="stall">Stall the queue</button><button name="do" value="resume">Resume it</button>
<button name="do" value="revoke">Revoke all tokens</button><button name="do" value="backup">Take a backup</button>
<button name="do" value="restore">Restore it</button></p></form>
<h2>What it holds</h2><table><tr><th>resource</th><th>records</th></tr>
{{range .Held}}<tr><td>{{.Name}}</td><td>{{.Count}}</td></tr>{{end}}</table>
<h2>The last requests</h2><table><tr><th>when</th><th>request</th><th>status</th><th>took</th></tr>
{{range .Requests}}<tr><td>{{.When.UTC.Format "15:04:05.000"}}</td><td title="{{.Path}}">{{.Method}} {{shorten .Path}}</td>
<td>{{.Status}}</td><td>{{.Took}}</td></tr>{{end}}</table>
</body></html>
`))

// shownPath is how much of an address the page shows; the whole of it is what the mouse finds.
const shownPath = 100

// shorten makes an address readable.
func shorten(path string) string {
	if plain, err := url.QueryUnescape(path); err == nil {
		path = plain
	}
	if r := []rune(path); len(r) > shownPath {
		return string(r[:shownPath]) + "…"
	}
	return path
}

// shownRequests is how many requests the page shows.
const shownRequests = 50

// control serves the page, and does what its buttons say. Other sites cannot press them.
func (s *Shop) control(w http.ResponseWriter, r *http.Request) {
	said := ""
	if r.Method == http.MethodPost {
		if err := new(http.CrossOriginProtection).Check(r); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		said = s.press(r.FormValue("do"), r.FormValue("trouble"))
	}
	type held struct {
		Name  string
		Count int
	}
	var all []held
	for name := range s.tables {
		if n := s.Count(name); n > 0 {
			all = append(all, held{name, n})
		}
	}
	slices.SortFunc(all, func(a, b held) int { return strings.Compare(a.Name, b.Name) })
	requests := s.Journal()
	slices.Reverse(requests)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'")
	_ = controlPage.Execute(w, map[string]any{ // a browser that is gone needs no page
		"Said": said, "Trouble": s.InTrouble().String(), "Words": TroubleWords(), "Held": all,
		"Requests": requests[:min(len(requests), shownRequests)],
	})
}

// press does what a button of the page says, and tells it.
func (s *Shop) press(button, trouble string) string {
	switch button {
	case "trouble":
		t, err := ParseTrouble(trouble)
		if err != nil {
			return err.Error()
		}
		s.Trouble(t)
		return "Trouble begins: " + t.String()
	case "well":
		s.Trouble(Trouble{})
		return "All is well."
	case "stall":
		s.StallQueue()
		return "The queue stands still."
	case "resume":
		s.ResumeQueue()
		return "The queue goes on."
	case "revoke":
		s.RevokeTokens()
		return "All tokens are revoked."
	case "backup":
		backup := s.Backup()
		s.troubleMu.Lock()
		s.backup = backup
		s.troubleMu.Unlock()
		return "A backup is taken."
	case "restore":
		s.troubleMu.Lock()
		backup := s.backup
		s.troubleMu.Unlock()
		if backup == nil {
			return "There is no backup: take one first."
		}
		s.Restore(backup)
		return "The backup is restored: ids since then will be given again."
	}
	return fmt.Sprintf("There is no button %q.", button)
}
