// Package words says alarms to people: what happened, what it means for the shop, what to do, where to look; in English or in
// German. What the ledger tells of a trouble (the text of an error, a file's name) stands in the message as it is, whatever the
// language.
//
// What may go in: texts, and how they are put together. What may not: whether and to whom something is told.
package words

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/message/catalog"

	"github.com/orobridge/orobridge/bridge"
)

// A Voice speaks one language, and tells times in one zone.
type Voice struct {
	printer *message.Printer
	zone    *time.Location
	link    string
}

// catalogue holds the texts of all languages, by the English ones.
var catalogue = func() catalog.Catalog {
	b := catalog.NewBuilder(catalog.Fallback(language.English))
	for english, german := range german {
		if err := b.SetString(language.German, english, german); err != nil {
			panic(err)
		}
	}
	return b
}()

// NewVoice makes a voice of a language (en, de), and of the page's address, which may be empty.
func NewVoice(tongue string, zone *time.Location, page string) *Voice {
	return &Voice{message.NewPrinter(language.Make(tongue), message.Catalog(catalogue)), zone, strings.TrimSuffix(page, "/")}
}

// say is one text, with what is put into it.
func (v *Voice) say(text string, args ...any) string { return v.printer.Sprintf(text, args...) }

// when is a time for people.
func (v *Voice) when(t time.Time) string { return t.In(v.zone).Format("2006-01-02 15:04 MST") }

// headings say what a message is, in its subject.
var headings = map[bridge.MessageKind]string{
	bridge.MessageBegun: "alarm: %s: %s", bridge.MessageReminder: "reminder: %s: %s", bridge.MessageEscalated: "escalated: %s: %s",
	bridge.MessageOver: "over: %s: %s",
}

// Letter is what a route gets of an alarm.
func (v *Voice) Letter(kind bridge.MessageKind, a *bridge.LiveAlarm, now time.Time) bridge.Letter {
	begun := a.Begun
	l := bridge.Letter{Message: kind, Kind: a.Alarm, Severity: a.Alarm.Severity(), Of: a.Of, File: a.File, Drop: a.Drop, Order: a.Order,
		Count: a.N, Number: a.ID, Begun: &begun}
	if feeds := a.Feeds(); len(feeds) > 0 {
		l.Feed = feeds[0]
	}
	if v.link != "" {
		l.Link = v.link + "/alarms"
	}
	l.Subject = oneLine(v.say(headings[kind], v.works(a), v.title(a.Alarm)))
	if a.N > 1 {
		l.Subject += fmt.Sprintf(" (%d)", a.N)
	}
	var parts []string
	switch kind {
	case bridge.MessageOver:
		parts = append(parts, v.over(a, now))
	default:
		parts = append(parts, a.Text, v.say("Since %s.", v.when(a.Begun)))
		if meaning := meanings[a.Alarm]; meaning != "" {
			parts = append(parts, v.say(meaning))
		}
		if hint := a.Alarm.Hint(); hint != "" {
			parts = append(parts, sentence(v.say(hint)))
		}
	}
	if kind == bridge.MessageEscalated {
		parts = append(parts, v.say("Others were told and have not acknowledged it."))
	}
	if kind != bridge.MessageOver {
		parts = append(parts, v.command(a))
	}
	if l.Link != "" {
		parts = append(parts, l.Link)
	}
	l.Text = strings.Join(parts, "\n")
	return l
}

// title names what is wrong; an alarm that has no words here yet has its own.
func (v *Voice) title(a bridge.Alarm) string {
	if t := titles[a]; t != "" {
		return v.say(t)
	}
	return string(a)
}

// sentence makes one of a hint.
func sentence(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:] + "."
}

// over says that an alarm is over, and what it came to.
func (v *Voice) over(a *bridge.LiveAlarm, now time.Time) string {
	text := v.say("It began %s and is over.", v.when(a.Begun))
	if a.N > 1 {
		text += " " + v.say("In the end it was of %d.", a.N)
	}
	text += "\n" + v.say("It was: %s", a.Text)
	if !a.Acknowledged.IsZero() && a.Who != "" {
		text += "\n" + v.say("%s had acknowledged it: %s", a.Who, a.Why)
	}
	return text
}

// works names what an alarm is of; of many the first.
func (v *Voice) works(a *bridge.LiveAlarm) string {
	works := a.Works()
	if n := len(works) - 1; n > 0 {
		return v.say("%s and %d more", works[0], n)
	}
	return works[0]
}

// command is what somebody at the machine types.
func (v *Voice) command(a *bridge.LiveAlarm) string {
	look := "orobridge alarms"
	if a.Drop != 0 {
		look = fmt.Sprintf("orobridge drop %d", a.Drop)
	}
	if a.ID == 0 { // it has no number before it is entered
		return v.say("Look with: %s", look)
	}
	return v.say("Look with: %s; take note with: %s", look, fmt.Sprintf("orobridge ack alarm %d --why …", a.ID))
}

// Test is what a route gets when somebody tries it.
func (v *Voice) Test(route, who string) bridge.Letter {
	return bridge.Letter{Message: bridge.MessageTest, Severity: bridge.SeverityInfo, Subject: oneLine(v.say("test of the route %s", route)),
		Text: v.say("%s tries whether messages arrive. Nothing is wrong.", who), Link: v.link}
}

// A Day is what a digest tells of.
type Day struct {
	From, To time.Time
	Standing []*bridge.LiveAlarm // that are not over, oldest first
	Over     []*bridge.LiveAlarm // that ended in this time
	Drops    map[string]map[bridge.DropState]int64
}

// most is how many alarms of a kind a digest lists.
const most = 30

// Digest is what a route gets once a day.
func (v *Voice) Digest(d Day) bridge.Letter {
	severity := bridge.SeverityInfo
	for _, a := range d.Standing {
		if s := a.Alarm.Severity(); s.AtLeast(severity) {
			severity = s
		}
	}
	l := bridge.Letter{Message: bridge.MessageDigest, Severity: severity, Count: int64(len(d.Standing)), Link: v.link}
	l.Subject = oneLine(v.say("digest of %s: %d alarms stand, %d ended", d.To.In(v.zone).Format(time.DateOnly), len(d.Standing), len(d.Over)))
	var b strings.Builder
	fmt.Fprintln(&b, v.say("From %s to %s.", v.when(d.From), v.when(d.To)))
	v.list(&b, v.say("Alarms that stand:"), d.Standing, func(a *bridge.LiveAlarm) string {
		text := v.say("since %s", v.when(a.Begun))
		if !a.Acknowledged.IsZero() {
			text += ", " + v.say("acknowledged by %s: %s", a.Who, a.Why)
		}
		return text
	})
	v.list(&b, v.say("Alarms that ended:"), d.Over, func(a *bridge.LiveAlarm) string {
		return v.say("from %s to %s", v.when(a.Begun), v.when(a.Gone))
	})
	fmt.Fprintln(&b, "\n"+v.say("Files:"))
	feeds := make([]string, 0, len(d.Drops))
	for feed := range d.Drops {
		feeds = append(feeds, feed)
	}
	slices.Sort(feeds)
	for _, feed := range feeds {
		var counts []string
		for _, s := range bridge.DropStates() {
			if n := d.Drops[feed][s]; n > 0 {
				counts = append(counts, fmt.Sprintf("%d %s", n, v.say(string(s))))
			}
		}
		fmt.Fprintf(&b, "- %s: %s\n", feed, strings.Join(counts, ", "))
	}
	if len(feeds) == 0 {
		fmt.Fprintln(&b, "- "+v.say("none"))
	}
	if v.link != "" {
		fmt.Fprintln(&b, "\n"+v.link)
	}
	l.Text = strings.TrimSpace(b.String())
	return l
}

func (v *Voice) list(b *strings.Builder, heading string, alarms []*bridge.LiveAlarm, more func(*bridge.LiveAlarm) string) {
	fmt.Fprintln(b, "\n"+heading)
	if len(alarms) == 0 {
		fmt.Fprintln(b, "- "+v.say("none"))
	}
	for i, a := range alarms {
		if i == most {
			fmt.Fprintln(b, "- "+v.say("and %d more", len(alarms)-most))
			break
		}
		count := ""
		if a.N > 1 {
			count = fmt.Sprintf(" (%d)", a.N)
		}
		fmt.Fprintf(b, "- %s: %s%s, %s: %s\n", v.works(a), v.title(a.Alarm), count, more(a), oneLine(a.Text))
	}
}

// oneLine makes a text fit for a subject: names of files come from outside.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > maxSubject {
		s = string(runes[:maxSubject]) + "…"
	}
	return s
}

// maxSubject is how many characters of a text stand in one line.
const maxSubject = 300
