package page

import (
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/message/catalog"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// languages of the page; the first is that of the messages' own texts.
var languages = []language.Tag{language.English, language.German}

// languageCookie keeps what somebody has chosen.
const languageCookie = "language"

var (
	matcher = language.NewMatcher(languages)
	texts   = sync.OnceValue(makeCatalog)
	bare    = sync.OnceValue(makeBare)
)

// makeBare says all messages that have no blanks, by language: a table says the same dozen of them in each of its rows.
func makeBare() map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, tag := range languages {
		p, said := message.NewPrinter(tag, message.Catalog(texts())), map[string]string{}
		for key := range german {
			if !strings.Contains(key, "%") {
				said[key] = p.Sprintf(message.Key(key, key))
			}
		}
		all[tag.String()] = said
	}
	return all
}

// counted are the messages that are said otherwise of one.
var counted = map[string]struct{ one, german, germanOne string }{
	"%d things need somebody": {"One thing needs somebody", "%d Dinge brauchen jemanden", "Eine Sache braucht jemanden"},
	"%d rows":                 {"1 row", "%d Zeilen", "1 Zeile"},
	"%d drops":                {"1 drop", "%d Drops", "1 Drop"},
	"%d orders":               {"1 order", "%d Bestellungen", "1 Bestellung"},
	"%d rejects are open":     {"1 reject is open", "%d Ablehnungen sind offen", "1 Ablehnung ist offen"},
	"%d drops are held":       {"1 drop is held", "%d Drops sind angehalten", "1 Drop ist angehalten"},
	"%d bytes":                {"1 byte", "%d Bytes", "1 Byte"},
}

func makeCatalog() catalog.Catalog {
	b := catalog.NewBuilder(catalog.Fallback(language.English))
	must := func(err error) {
		if err != nil {
			panic(err) // a test goes through all of them
		}
	}
	for key, text := range german {
		must(b.SetString(language.German, key, text))
	}
	must(b.SetString(language.English, "picked_up", "picked up")) // the one state whose word is not English
	for key, x := range counted {
		must(b.Set(language.English, key, plural.Selectf(1, "%d", plural.One, x.one, plural.Other, key)))
		must(b.Set(language.German, key, plural.Selectf(1, "%d", plural.One, x.germanOne, plural.Other, x.german)))
	}
	return b
}

// words are a reader's language.
type words struct {
	Lang string
	p    *message.Printer
}

// wordsFor finds the language that was chosen, or that the browser prefers.
func wordsFor(r *http.Request) *words {
	chosen := ""
	if c, err := r.Cookie(languageCookie); err == nil {
		chosen = c.Value
	}
	_, i := language.MatchStrings(matcher, chosen, r.Header.Get("Accept-Language"))
	return wordsIn(languages[i])
}

func wordsIn(l language.Tag) *words {
	return &words{Lang: l.String(), p: message.NewPrinter(l, message.Catalog(texts()))}
}

// chooseLanguage keeps a language for this browser.
func (s *Server) chooseLanguage(c *call) error {
	_, i := language.MatchStrings(matcher, c.r.FormValue("to"))
	http.SetCookie(c.w, &http.Cookie{Name: languageCookie, Value: languages[i].String(), Path: "/", MaxAge: 365 * 24 * 3600,
		HttpOnly: true, SameSite: http.SameSiteLaxMode})
	http.Redirect(c.w, c.r, here(c.r.FormValue("next")), http.StatusSeeOther)
	return nil
}

// T says a message in the reader's language, and the names of alarms in it as well.
func (w *words) T(key string, args ...any) string {
	if len(args) == 0 {
		if text, ok := bare()[w.Lang][key]; ok {
			return text
		}
	}
	if len(args) == 1 {
		if all, ok := args[0].([]any); ok { // a message that was put together elsewhere
			args = slices.Clone(all)
		}
	}
	for i, a := range args {
		if a, ok := a.(bridge.Alarm); ok {
			args[i] = w.T(string(a))
		}
	}
	return w.p.Sprintf(message.Key(key, key), args...)
}

// N writes a count as the reader's language does.
func (w *words) N(n any) string { return w.p.Sprint(n) }

// Fixed writes a number with so many decimals.
func (w *words) Fixed(x float64, decimals int) string {
	return w.p.Sprintf("%."+strconv.Itoa(decimals)+"f", x)
}

// compact writes a large number in short.
func (w *words) compact(x float64) string {
	switch {
	case x >= 1e6:
		return w.p.Sprintf("%.1f M", x/1e6)
	case x >= 1e4:
		return w.p.Sprintf("%.0f k", x/1e3)
	}
	return w.p.Sprintf("%.0f", x)
}

// Size writes a number of bytes so that it can be read.
func (w *words) Size(n int64) string {
	units := []string{"kB", "MB", "GB", "TB"}
	if n < 1000 {
		return w.T("%d bytes", n)
	}
	x, i := float64(n)/1000, 0
	for x >= 1000 && i < len(units)-1 {
		x, i = x/1000, i+1
	}
	return w.p.Sprintf("%.1f %s", x, units[i])
}

// Took writes how long something took, from seconds.
func (w *words) Took(seconds float64) string {
	switch {
	case seconds == 0:
		return "0 s"
	case seconds < 0.95:
		return w.p.Sprintf("%.0f ms", seconds*1000)
	case seconds < 10:
		return w.p.Sprintf("%.1f s", seconds)
	case seconds < 120:
		return w.p.Sprintf("%.0f s", seconds)
	case seconds < 2*3600:
		return w.p.Sprintf("%.0f min", seconds/60)
	case seconds < 48*3600:
		return w.p.Sprintf("%.3g h", seconds/3600)
	}
	return w.T("%s days", w.p.Sprintf("%.0f", seconds/86400))
}

// Time is a moment, which the script tells in the reader's zone; UTC stands in its title, and without script in its text.
func (w *words) Time(t *time.Time) template.HTML {
	if t == nil || t.IsZero() {
		return "–"
	}
	u := t.UTC()
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s UTC"><span>%s</span> <span>%s UTC</span></time>`,
		u.Format("2006-01-02T15:04:05.000Z"), u.Format("2006-01-02 15:04:05"), u.Format(time.DateOnly), u.Format("15:04")))
}

// tones are how good the news of a state is; each has a shape of its own.
var tones = map[string]string{
	"seen": "busy", "ready": "busy", "claimed": "busy", "fetched": "busy", "loading": "busy", "held": "hold",
	"loaded": "good", "partial": "warn", "rejected": "bad", "duplicate": "idle", "superseded": "idle", "discarded": "idle", "vanished": "idle",
	"collected": "busy", "owed": "busy", "written": "busy", "picked_up": "good", "answered": "good", "conflict": "bad", "stuck": "bad",
	"open": "warn", "mended": "good", "repeated": "idle", "acknowledged": "idle", "expired": "idle",
	"running": "busy", "done": "good", "failed": "bad",
	"good": "good", "bad": "bad", "warn": "warn", "hold": "hold", "busy": "busy", "idle": "idle",
}

// shapes are drawn in a square of 16: a good one is round with a tick, a warning a triangle, a bad one an octagon, what is held a square
// with two bars, what is at work a half-filled circle, and the rest a ring.
var shapes = map[string]string{
	"good": `<circle cx="8" cy="8" r="7.5" class="fill"/><path d="M4.5 8.3l2.4 2.4 4.6-5" class="cut"/>`,
	"warn": `<path d="M8 .8 15.6 14.6H.4z" class="fill"/><path d="M8 5.6v4.2M8 12v.6" class="cut"/>`,
	"bad": `<path d="M4.9.5h6.2l4.4 4.4v6.2l-4.4 4.4H4.9L.5 11.1V4.9z" class="fill"/>` +
		`<path d="M5.3 5.3l5.4 5.4M10.7 5.3l-5.4 5.4" class="cut"/>`,
	"hold": `<rect x=".5" y=".5" width="15" height="15" rx="3" class="fill"/><path d="M5.7 4.6v6.8M10.3 4.6v6.8" class="cut"/>`,
	"busy": `<circle cx="8" cy="8" r="6.8" class="ring"/><path d="M8 1.2a6.8 6.8 0 0 1 0 13.6z" class="fill"/>`,
	"idle": `<circle cx="8" cy="8" r="5.5" class="ring"/>`,
}

// Mark is the shape of a tone.
func (w *words) Mark(tone string) template.HTML {
	const box = `" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">`
	return template.HTML(`<svg class="mark ` + tone + box + shapes[tone] + `</svg>`)
}

// State is a state's shape and word.
func (w *words) State(state any) template.HTML {
	word := fmt.Sprint(state)
	tone := tones[word]
	if tone == "" {
		tone = "idle"
	}
	return template.HTML(`<span class="state `+tone+`">`) + w.Mark(tone) +
		template.HTML(template.HTMLEscapeString(w.T(formats.Printable(word)))+`</span>`)
}
