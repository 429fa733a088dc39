package admit

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/password"
)

// Where people log in and out.
const (
	LoginPath  = "/login"
	LogoutPath = "/logout"
)

const (
	maxField   = 1 << 10 // bytes of a name, a password, a token
	maxForm    = 8 << 10
	maxWaiting = 32 // log-ins that wait because others failed before them
)

// A Form is what the log-in shows. Its fields are name, password and next, sent by POST to [LoginPath].
type Form struct {
	Wrong   bool   // name or password
	Wait    int    // seconds until it makes sense to try again; 0: now
	Trouble string // one of [Troubles]; empty for none
	Next    string // path to go to afterwards
	// Passwords says that somebody has one. Provider is the address, with next, from which people are sent to the provider; empty
	// for none.
	Passwords bool
	Provider  string
}

// Routes adds log-in and log-out.
func (g *Gate) Routes(mux *http.ServeMux) {
	mux.HandleFunc("GET "+LoginPath, func(w http.ResponseWriter, r *http.Request) { g.show(w, r, http.StatusOK, Form{}) })
	mux.HandleFunc("POST "+LoginPath, g.login)
	if g.Provider != nil {
		mux.HandleFunc("GET "+ProviderPath, g.leave)
		mux.HandleFunc("GET "+CallbackPath, g.comeBack)
	}
	mux.Handle("POST "+LogoutPath, g.Require(Viewer, http.HandlerFunc(g.logout)))
}

func (g *Gate) show(w http.ResponseWriter, r *http.Request, status int, f Form) {
	f.Next = here(r.FormValue("next"))
	f.Passwords = g.Provider == nil || slices.ContainsFunc(g.Users, func(u *config.User) bool { return u.PasswordHash != "" })
	if g.Provider != nil {
		f.Provider = ProviderPath + "?next=" + url.QueryEscape(f.Next)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if f.Wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(f.Wait))
	}
	w.WriteHeader(status)
	g.Form(w, r, f)
}

// here is a path of this site; "/" for what leads elsewhere.
func here(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsFunc(next, func(r rune) bool {
		return r == '\\' || unicode.IsControl(r)
	}) || strings.HasPrefix(next, LoginPath) || strings.HasPrefix(next, LogoutPath) {
		return "/"
	}
	return next
}

// login takes name and password. Whatever is wrong with them, the answer is the same and takes as long.
func (g *Gate) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the form can't be read", http.StatusBadRequest)
		return
	}
	name, text, from := r.PostForm.Get("name"), r.PostForm.Get("password"), g.Address(r)
	remembered := bridge.Shorten(strings.ToValidUTF8(name, "?"), maxLogin)
	if wait, ok := g.wait(r, from, remembered); !ok {
		g.show(w, r, http.StatusTooManyRequests, Form{Wait: wait})
		return
	}
	u, hash := g.users[name], ""
	if u != nil {
		hash = u.PasswordHash.Reveal()
	}
	ok, err := password.Verify(r.Context(), hash, text)
	if err != nil {
		return // the stranger has gone
	}
	if !ok {
		why := "no such user"
		if u != nil {
			why = "wrong password"
		}
		g.throttle.Failed(from, remembered)
		g.tell(r, remembered, from, why)
		g.show(w, r, http.StatusUnauthorized, Form{Wrong: true})
		return
	}
	g.throttle.Succeeded(from, remembered)
	if err := g.begin(w, r, g.caller(u, r, BySession), bridge.KeyHash(hash), ""); err != nil {
		g.fail(w, r, err)
		return
	}
	http.Redirect(w, r, here(r.PostForm.Get("next")), http.StatusSeeOther)
}

// maxLogin is what is remembered of a name that a stranger sent, in bytes.
const maxLogin = 64

// wait has those wait who come after failures, so many at a time; others are told how long it will be.
func (g *Gate) wait(r *http.Request, from netip.Addr, name string) (seconds int, ok bool) {
	wait := max(g.throttle.Wait(from, name), g.throttle.Shut(from))
	if wait == 0 {
		return 0, true
	}
	seconds = int((wait + time.Second - 1) / time.Second)
	if g.throttle.Shut(from) > 0 {
		return seconds, false
	}
	select {
	case g.waiting <- struct{}{}:
		defer func() { <-g.waiting }()
	default:
		return seconds, false
	}
	return seconds, bridge.SystemClock{}.Wait(r.Context(), wait) == nil
}

// maxTold is how many refused log-ins of an hour are told each, so that strangers fill neither journal nor log; the first one of the
// next hour says how many there were besides.
const maxTold = 100

// refusals counts the refused log-ins of an hour.
type refusals struct {
	mu    sync.Mutex
	since time.Time
	n     int
}

// count says whether one more is told, and how many of an hour before were not.
func (f *refusals) count(at time.Time) (told bool, before int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if at.Sub(f.since) >= time.Hour {
		before, f.since, f.n = max(0, f.n-maxTold), at, 0
	}
	f.n++
	return f.n <= maxTold, before
}

// tell enters a refused log-in in the journal.
func (g *Gate) tell(r *http.Request, name string, from netip.Addr, why string) {
	told, before := g.refusals.count(now())
	if !told {
		return
	}
	if before > 0 {
		why += fmt.Sprintf("; %d more were refused in the hour before", before)
	}
	event := &bridge.Event{At: now(), Kind: bridge.LoginRefused, Who: name, From: from.String(), Text: why}
	if err := g.told(event, g.Ledger.Keep(context.WithoutCancel(r.Context()), event)); err != nil {
		g.Log.Error("note a refused log-in", "error", err)
	}
}

// logout ends the caller's session, or with the form field everywhere all of them.
func (g *Gate) logout(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	c := CallerOf(r.Context())
	event := c.Decision("").On(&bridge.Event{At: now(), Kind: bridge.LoggedOut})
	var err error
	if r.FormValue("everywhere") != "" {
		event.Text = "everywhere"
		err = g.Ledger.EndSessions(r.Context(), c.Name, event)
	} else {
		err = g.Ledger.EndSession(r.Context(), bridge.KeyHash(g.key(r)), event)
	}
	if g.told(event, err) != nil {
		g.fail(w, r, err)
		return
	}
	http.SetCookie(w, g.cookie(r, ""))
	http.Redirect(w, r, LoginPath, http.StatusSeeOther)
}

var plain = template.Must(template.New("login").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>orobridge: log in</title>
</head><body><main><h1>orobridge</h1>
{{if .Wait}}<p role="alert">Too many attempts. Try again in {{.Wait}} s.</p>{{end}}
{{if .Wrong}}<p role="alert">Name or password is wrong.</p>{{end}}
{{if .Trouble}}<p role="alert">{{.Trouble}}</p>{{end}}
{{if .Provider}}<p><a href="{{.Provider}}">Log in by your organisation</a></p>{{end}}
{{if .Passwords}}<form method="post" action="/login"><input type="hidden" name="next" value="{{.Next}}">
<p><label>Name <input name="name" autocomplete="username" required autofocus></label></p>
<p><label>Password <input name="password" type="password" autocomplete="current-password" required></label></p>
<p><button>Log in</button></p></form>{{end}}</main></body></html>
`))

// plainForm shows the log-in where no page brings one along.
func plainForm(w http.ResponseWriter, _ *http.Request, f Form) { _ = plain.Execute(w, f) }
