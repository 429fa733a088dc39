package page

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/orobridge/orobridge/bridge/admit"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/formats"
)

//go:embed templates
var templateFiles embed.FS

// pages are the templates of a language by name, each with the layout around it: read once a page is asked for in it, since most verbs
// show none.
func pages(lang string) map[string]*template.Template { return inLanguage[lang]() }

var inLanguage = func() map[string]func() map[string]*template.Template {
	all := map[string]func() map[string]*template.Template{}
	for _, l := range languages {
		all[l.String()] = sync.OnceValue(func() map[string]*template.Template { return parseTemplates(wordsIn(l)) })
	}
	return all
}()

// constant is a message in a template that is the same for all readers of a language.
var constant = regexp.MustCompile(`\{\{\$?[a-z]*\.T "([^"%]*)"\}\}`)

// source is a template's text with the constant messages said already: a page has some dozens of them.
func (w *words) source(name string) string {
	text, err := templateFiles.ReadFile(path.Join("templates", name))
	if err != nil {
		panic(err) // they are in the program
	}
	return constant.ReplaceAllStringFunc(string(text), func(message string) string {
		return template.HTMLEscapeString(w.T(constant.FindStringSubmatch(message)[1]))
	})
}

func parseTemplates(w *words) map[string]*template.Template {
	functions := template.FuncMap{
		"p":           formats.Printable, // whatever comes from outside
		"segment":     url.PathEscape,    // of a path
		"moment":      func(t time.Time) *time.Time { return &t },
		"sum":         func(a, b int64) int64 { return a + b },
		"sumi":        func(a, b int) int { return a + b },
		"plus":        func(a, b float64) float64 { return a + b },
		"minus":       func(a, b float64) float64 { return a - b },
		"half":        func(a float64) float64 { return a / 2 },
		"hour":        func(h int) int { return h * 4 * quarterWidth },
		"join":        func(list []string) string { return formats.Printable(strings.Join(list, ", ")) },
		"row":         rowText,
		"lines":       printableLines,
		"list":        func(all ...string) []string { return all },
		"pair":        func(v view, x any) pair { return pair{v, x} },
		"bar":         barOf,
		"title":       func(what string) string { return titles[what] },
		"reverse":     reverse,
		"changes":     func(p *operate.Plan) int64 { return p.Create + p.Update + p.Remove + p.Withdraw + p.Park },
		"move":        moveOf,
		"firsts":      func(list []operate.Change, n int) []operate.Change { return list[:min(n, len(list))] },
		"firstLeaves": func(list []operate.UndoLeft, n int) []operate.UndoLeft { return list[:min(n, len(list))] },
		"compact":     func(v view, x float64) string { return v.compact(x) },
	}
	names, err := templateFiles.ReadDir("templates")
	if err != nil {
		panic(err) // they are in the program
	}
	base := template.Must(template.New("layout.html").Funcs(functions).Parse(w.source("layout.html")))
	template.Must(base.New("parts.html").Parse(w.source("parts.html")))
	all := map[string]*template.Template{}
	for _, n := range names {
		name := strings.TrimSuffix(n.Name(), ".html")
		if name == "layout" || name == "parts" {
			continue
		}
		all[name] = template.Must(base.Clone())
		template.Must(all[name].New(n.Name()).Parse(w.source(n.Name())))
	}
	return all
}

// pair is what a part of a page gets: the page's view, and its own matter.
type pair struct {
	V view
	X any
}

// reverse is a list the other way round: models are oldest first, and a page shows the newest first.
func reverse(list any) (any, error) {
	switch list := list.(type) {
	case []operate.Drop:
		return backward(list), nil
	case []operate.Order:
		return backward(list), nil
	}
	return nil, fmt.Errorf("no list of a page: %T", list)
}

func backward[T any](list []T) []T {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

// moveOf says by how much a price moves, in percent; empty for what is none, or comes from nothing.
func moveOf(f operate.FieldChange) string {
	if f.Field != "value" || f.Old == nil {
		return ""
	}
	was, err := formats.ParseAmount(*f.Old, formats.Conventions{})
	is, err2 := formats.ParseAmount(f.New, formats.Conventions{})
	if err != nil || err2 != nil || was.IsZero() {
		return ""
	}
	old, _ := strconv.ParseFloat(was.String(), 64) // for the eye alone
	now, _ := strconv.ParseFloat(is.String(), 64)
	return fmt.Sprintf("%+.0f %%", (now/old-1)*100)
}

// printableLines is a text of several lines, each made printable.
func printableLines(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\r\n"), "\n")
	for i, line := range lines {
		lines[i] = formats.Printable(strings.TrimSuffix(line, "\r"))
	}
	return strings.Join(lines, "\n")
}

// rowText is a row as its sender has it, in one line, the columns in their alphabetic order.
func rowText(row map[string]string) string {
	var b strings.Builder
	for _, k := range sorted(row) {
		if b.Len() > 0 {
			b.WriteString("  ")
		}
		fmt.Fprintf(&b, "%s=%s", k, row[k])
	}
	return formats.Printable(b.String())
}

// view is what every page has.
type view struct {
	*words
	Title   string
	Path    string
	Here    string // path and query, to come back to
	Who     *admit.Caller
	Version string
	Refresh int    // seconds after which a browser without script looks again; 0: it need not
	Live    bool   // parts of it change
	Flash   string // what was just done
	Word    string // that was searched for
	Body    any
	Made    template.HTML // of the body; empty: it is made with the page
}

// Operator says that the reader may decide, and see what is a person's.
func (v view) Operator() bool { return v.Who.May(admit.Operator) }

// Admin says that the reader may pause the shop.
func (v view) Admin() bool { return v.Who.May(admit.Admin) }

// In says whether the page is one of a part of the site.
func (v view) In(part string) bool {
	return v.Path == part || part != "/" && strings.HasPrefix(v.Path, part+"/")
}

// of tells a view who looks, and at what.
func (v *view) of(c *call, version string) {
	v.words, v.Path, v.Here, v.Who, v.Version = c.words, c.r.URL.Path, c.r.URL.RequestURI(), c.who, version
}

// made is a page whose body is ready.
type made struct {
	Title string
	Live  bool
	body  template.HTML
}

// sharing shows a page whose body is the same for all who have the same role, shops and language, and names none of them: it is made
// once for all of them who look at the same time. Nothing on it may be a person's, since each look at that is entered in the audit.
func (s *Server) sharing(name string, look func(*call) (view, error)) func(*call) error {
	return func(c *call) error {
		alike := strings.Join(append([]string{c.Lang, c.who.Role.String(), c.r.URL.RequestURI()}, c.who.Shops...), " ")
		m, err := s.alike.of(alike).get(c.r.Context(), s.news.now(), newsEvery, func() (*made, error) {
			v, err := look(c)
			if err != nil {
				return nil, err
			}
			v.of(c, s.Version)
			var b strings.Builder
			if err := pages(c.Lang)[name].ExecuteTemplate(&b, "body", v); err != nil {
				return nil, err
			}
			return &made{v.Title, v.Live, template.HTML(b.String())}, nil
		})
		if err == nil {
			s.show(c, http.StatusOK, name, view{Title: m.Title, Live: m.Live, Made: m.body})
		}
		return err
	}
}

// show makes a page and sends it whole, or not at all.
func (s *Server) show(c *call, status int, name string, v view) {
	v.of(c, s.Version)
	if did, ok := deeds[c.r.URL.Query().Get("did")]; ok && v.Flash == "" {
		v.Flash = c.T(did)
	}
	var b bytes.Buffer
	b.Grow(len(v.Made) + 8<<10)
	if err := pages(c.Lang)[name].ExecuteTemplate(&b, "layout.html", v); err != nil {
		s.Log.Error("make a page", "path", c.r.URL.Path, "error", err)
		http.Error(c.w, "this page can't be made", http.StatusInternalServerError)
		return
	}
	c.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	c.w.Header().Set("Content-Language", c.Lang)
	c.w.Header().Set("Vary", "Accept-Language, Cookie")
	c.w.WriteHeader(status)
	_, _ = b.WriteTo(c.w) // the reader has gone
}

// Login shows the log-in of bridge/admit; it is one of [admit.Options].
func Login(w http.ResponseWriter, r *http.Request, f admit.Form) {
	var b bytes.Buffer
	v := view{words: wordsFor(r), Path: admit.LoginPath, Body: f}
	v.Title = v.T("Log in")
	if err := pages(v.Lang)["login"].ExecuteTemplate(&b, "layout.html", v); err != nil {
		panic(err) // the template has nothing that could fail
	}
	_, _ = b.WriteTo(w)
}

// here is a path of this site; "/" for what leads elsewhere.
func here(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsFunc(next, func(r rune) bool {
		return r == '\\' || unicode.IsControl(r)
	}) {
		return "/"
	}
	return next
}
