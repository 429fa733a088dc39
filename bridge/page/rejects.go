package page

import (
	"context"
	"net/http"
	"net/url"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/formats"
)

// causeRows is of how many of the newest rejects the causes are told; beyond, a page would read a whole ledger.
const causeRows = 10_000

// rejectPages show rejects, and take note of them.
type rejectPages struct{ deciding }

// rejectList are the rejects as work: by their cause, or one by one.
type rejectList struct {
	Feeds   []string
	Feed    string
	State   string
	Causes  []cause
	Rejects []operate.KeptReject
	Cut     bool // there are more than were looked at
	One     *cause
}

// cause is why rows were rejected, and what to do about it.
type cause struct {
	operate.Cause
	Todo  string // a message
	Query string // for the rows and the decision
	Bare  bool   // it is of persons, and the reader may not see its example
}

// todo is what to do about rejects of a code.
var todo = map[string]string{
	formats.CodeRagged:     "Have the sender write as many cells as the header has; look for a delimiter inside of a text without quotes.",
	formats.CodeTooLong:    "Shorten the text at the sender, or look for a quote that is never closed.",
	formats.CodeEncoding:   "Set the feed's format.encoding to what the sender writes.",
	formats.CodeControl:    "Have the sender take control characters out of its texts.",
	formats.CodeQuote:      "Have the sender double the quotes inside of quoted texts.",
	formats.CodeMissing:    "Have the sender fill the field, or give the feed a default for it.",
	formats.CodeAmount:     "Compare the number with the feed's format: decimal and thousands signs.",
	formats.CodeDate:       "Compare the date with the feed's date format.",
	formats.CodeFlag:       "Map the sender's word in the feed's values.",
	formats.CodeValue:      "Map the sender's word in the feed's values, or have the sender correct it; then run the rejected rows again.",
	formats.CodeExpr:       "Mend the expression of the feed's mapping; `orobridge try` shows what it gives.",
	formats.CodeKey:        "Have the sender fill the key.",
	formats.CodeDuplicate:  "Have the sender write each key once, or set the feed's repeats.",
	formats.CodeParent:     "The record that the row belongs to never came: have it sent, then run the rejected rows again.",
	formats.CodeDamaged:    "The disk of the bridge has changed what was kept of the row: run the drop again, and look after the disk.",
	formats.CodeReference:  "Make it in the shop, or map the sender's word to one that the shop has; then run the rejected rows again.",
	formats.CodeAmbiguous:  "The shop has the name more than once: rename one of them there.",
	formats.CodeShop:       "Read what the shop says; mend the row at the sender or the shop's settings, then run the rejected rows again.",
	formats.CodeStructure:  "Compare the file with the form that the feed expects.",
	formats.CodeIncomplete: "These fields count only together: have the sender fill them all, or none.",
	formats.CodeNotYet:     "The row is valid from a later day on: have it sent again then.",
	formats.CodeClient:     "It is of another SAP client: have the right one send, or accept it in the feed.",
	formats.CodeTest:       "It is marked as a test. Nothing is to be done.",
	formats.CodeMessage:    "The feed does not read this message type: send it to another feed.",
	"":                     "See the message; mend the row at the sender, then run the rejected rows again.", // of other codes
}

func todoOf(code string) string {
	if text, ok := todo[code]; ok {
		return text
	}
	return todo[""]
}

func (s rejectPages) rejectFilter(c *call) (f bridge.RejectFilter, state string) {
	f.Feed, f.Last, state = c.r.FormValue("feed"), causeRows, c.r.FormValue("state")
	f.Open = state == "" || state == string(bridge.RejectOpen)
	return f, state
}

func (s rejectPages) showRejects(c *call) error {
	f, state := s.rejectFilter(c)
	v := &rejectList{Feed: f.Feed, State: state}
	for _, x := range c.desk.Feeds {
		v.Feeds = append(v.Feeds, x.Name)
	}
	var err error
	if f.Open && c.r.FormValue("cause") == "" {
		v.Causes, v.Cut, err = s.causes(c, f)
	} else {
		err = s.flat(c, f, v)
	}
	if err != nil {
		return err
	}
	s.show(c, http.StatusOK, "rejects", view{Title: c.T("Rejects"), Live: true, Body: v})
	return nil
}

func (s rejectPages) causes(c *call, f bridge.RejectFilter) (list []cause, cut bool, err error) {
	found, err := c.desk.Causes(c.r.Context(), f)
	var rows int64
	var shown []operate.KeptReject
	for _, x := range found {
		rows += x.Rows
		y := cause{Cause: x, Todo: todoOf(x.Code), Query: causeQuery(f.Feed, x), Bare: s.hides(c, x.Entity)}
		if list = append(list, y); !y.Bare {
			shown = append(shown, x.Example)
		}
	}
	if err == nil {
		err = c.looks().Rejects(c.r.Context(), shown)
	}
	return list, rows >= causeRows, err
}

func causeQuery(feed string, x operate.Cause) string {
	q := url.Values{"entity": {x.Entity}, "code": {x.Code}, "cause": {x.Cause}}
	if feed != "" {
		q.Set("feed", feed)
	}
	return "?" + q.Encode()
}

// hides says that rows of an entity are about persons, and the reader may not see them.
func (s *Server) hides(c *call, entity string) bool {
	return formats.OfPersons(entity) && !c.mayAll()
}

// shownFlat is how many rejects are shown one by one.
const shownFlat = 500

// flat lists rejects one by one, the newest last: those of one cause, or of one state.
func (s rejectPages) flat(c *call, f bridge.RejectFilter, v *rejectList) error {
	list, err := c.desk.Rejects(c.r.Context(), f)
	if err != nil {
		return err
	}
	wanted := cause{Cause: causeOf(c)}
	for _, r := range list {
		of := r.Entity == wanted.Entity && r.Code == wanted.Code && r.Cause == wanted.Cause.Cause
		if wanted.Cause.Cause != "" && !of || v.State != "" && v.State != "all" && string(r.State) != v.State {
			continue
		}
		if s.hides(c, r.Entity) {
			r.Key, r.Message, r.Row = "", "", nil
		}
		v.Rejects = append(v.Rejects, r)
	}
	if n := len(v.Rejects) - shownFlat; n > 0 {
		v.Rejects, v.Cut = v.Rejects[n:], true
	}
	if wanted.Cause.Cause != "" {
		wanted.Todo, wanted.Query, wanted.Rows = todoOf(wanted.Code), causeQuery(f.Feed, wanted.Cause), int64(len(v.Rejects))
		v.One = &wanted
	}
	if !c.mayAll() {
		return nil
	}
	return c.looks().Rejects(c.r.Context(), v.Rejects)
}

func (s rejectPages) allRejects(c *call) error {
	f, _ := s.rejectFilter(c)
	return s.sendRejects(c, "rejects.csv", f.Feed, f)
}

// causeOf reads which cause is meant.
func causeOf(c *call) operate.Cause {
	return operate.Cause{Entity: c.r.FormValue("entity"), Code: c.r.FormValue("code"), Cause: c.r.FormValue("cause")}
}

// asCause reads which cause is to be acknowledged.
func (s rejectPages) asCause(c *call) (f bridge.RejectFilter, x operate.Cause, a *asked) {
	f, _ = s.rejectFilter(c)
	f.Open = true
	x = causeOf(c)
	return f, x, &asked{What: "ack", Object: x.Cause, Back: "/rejects", Action: "/rejects/ack",
		Hidden: url.Values{"entity": {x.Entity}, "code": {x.Code}, "cause": {x.Cause}, "feed": {f.Feed}}}
}

func (s rejectPages) askAck(c *call) error { return s.askAboutCause(c, http.StatusOK, "") }

func (s rejectPages) askAboutCause(c *call, status int, problem string) error {
	f, x, a := s.asCause(c)
	found, err := c.desk.Causes(c.r.Context(), f)
	if err != nil {
		return err
	}
	for _, y := range found {
		if y.Entity == x.Entity && y.Code == x.Code && y.Cause == x.Cause {
			a.Open = y.Rows
		}
	}
	if a.Open == 0 {
		return &bridge.Error{Op: "acknowledge", Object: "rejects of this cause", Err: bridge.ErrUnknown,
			Hint: "somebody may have done it already"}
	}
	a.Problem, a.Why = problem, c.r.PostForm.Get("why")
	s.ask(c, status, a)
	return nil
}

func (s rejectPages) ack(c *call) error {
	if ok, problem := s.reason(c); !ok {
		return s.askAboutCause(c, http.StatusUnprocessableEntity, problem)
	}
	f, x, a := s.asCause(c)
	if _, err := c.desk.AckCause(context.WithoutCancel(c.r.Context()), f, x); err != nil {
		return err
	}
	done(c, a.Back, "ack")
	return nil
}
