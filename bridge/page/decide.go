package page

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/admit"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/bridge/operate/checkup"
	"github.com/orobridge/orobridge/formats"
)

// A decision is asked for by a page that says what it would do, and taken by the form on it. The reason goes into the journal.

// deciding takes decisions.
type deciding struct{ *Server }

// deeds are what was just done, by the word that a page is told in its address.
var deeds = map[string]string{
	"approve": "Approved. The drop goes on.", "approved-first": "Your approval is kept. Somebody else has to approve it, too.",
	"discard": "Discarded. Nothing of it is sent.", "rerun": "All rows run again.", "retry": "The rejected rows run again.",
	"force": "All rows are sent again.", "undo": "A drop that takes the way back was made. It waits for an approval.",
	"nothing": "There was nothing to do.",
	"ack":     "Acknowledged.", "send": "The same file is written again.", "render": "A new version of the order is written.",
	"know": "Noted. Nobody is reminded of it any more.", "snooze": "Noted. People are told again then.", "has": "Taken as written.",
	"pause": "Paused.", "resume": "Resumed.", "look": "The bridge looks now.", "upload": "The file was handed in.",
}

// titles are what a decision is called on its page and its button.
var titles = map[string]string{
	"approve": "Approve", "discard": "Discard", "rerun": "Run all rows again", "retry": "Run the rejected rows again",
	"force": "Send all rows again", "undo": "Undo", "ack": "Acknowledge", "send": "Send again", "render": "Render again",
	"know": "I know of it", "has": "The ERP has it", "pause": "Pause", "resume": "Resume", "look": "Look now", "upload": "Hand in a file",
}

// effects say what a decision does.
var effects = map[string]string{
	"approve": "The drop goes on in spite of its guards: what is shown below is sent to the shop.",
	"discard": "Nothing of the drop is sent. Its file goes to the folder of rejected files, and what waits behind it goes on.",
	"rerun":   "All rows are planned again; what the shop accepted before is not sent again.",
	"retry":   "The rows that the last run rejected are planned again.",
	"force":   "Unchanged rows are sent, too, and newer values are overwritten.",
	"undo":    "What the drop has set and nobody since goes back to what it was before.",
	"ack":     "The rejects are left as they are, and stand on no list of open ones any more.",
	"send":    "The same bytes are written under the same name once more.",
	"render":  "The order is read from the shop again, and written as a new version under a new name.",
	"know":    "The alarm stands until nothing is wrong any more, and nobody is reminded of it. With an end, people are told again then.",
	"has":     "It was not known whether the order went out before the ledger was put back. It counts as written then, and is not sent again.",
	"pause":   "What is at hand is left as it is, and goes on from there later.",
	"resume":  "It goes on where it was left.",
	"look":    "The bridge lists the folder at once, and tries again whatever waits for trouble to pass.",
	"upload":  "The file becomes a drop of the feed. What it would do is shown before anything is sent.",
}

// asked is a decision before it is taken.
type asked struct {
	What    string // in titles and effects
	Object  string // that it is about, from outside
	Back    string // path
	Action  string // path of the form
	Plan    *operate.Plan
	Pending bool
	Undo    *operate.Undo
	Open    int64 // rejects
	Orders  []operate.Order
	Preview []*operate.Preview
	Exports []string // to choose from
	Export  string
	People  int      // who have to approve it
	Already []string // have
	Until   bool     // an end may be given
	Alarm   *operate.LiveAlarm
	Hidden  url.Values
	Problem string // with what was sent, as a message
	Why     string // the reason that was sent
	Free    bool   // it needs no reason
	Trouble string // why it can't be told what it would do
}

// Title is a decision's name; the templates have its message said.
func (a *asked) Title() string { return titles[a.What] }

// Effect says what it does.
func (a *asked) Effect() string { return effects[a.What] }

// ask shows what a decision would do, with its form.
func (s deciding) ask(c *call, status int, a *asked) {
	refresh := 0
	if a.Pending {
		refresh = 3
	}
	s.show(c, status, "ask", view{Title: c.T(a.Title()) + ": " + formats.Printable(a.Object), Refresh: refresh, Body: a})
}

// reason takes the reason of a decision from its form; without one the page is shown again.
func (s deciding) reason(c *call) (ok bool, problem string) {
	if err := c.r.ParseForm(); err != nil {
		return false, "The form can't be read."
	}
	why := strings.TrimSpace(c.r.PostForm.Get("why"))
	switch {
	case why == "":
		return false, "Say why: the reason goes into the journal."
	case len(why) > maxReason:
		return false, "The reason is too long."
	}
	c.desk.By = c.who.Decision(why)
	return true, ""
}

// done sends the reader on after a decision, so that a reload takes it no second time.
func done(c *call, path, deed string) {
	http.Redirect(c.w, c.r, path+"?did="+url.QueryEscape(deed), http.StatusSeeOther)
}

// asDrop reads which decision about which drop a request means.
func (s deciding) asDrop(c *call) (*operate.DropDetails, *asked, error) {
	id, err := number(c.r.PathValue("id"), "drop")
	if err != nil {
		return nil, nil, err
	}
	what := c.r.PathValue("what")
	switch what {
	case "approve", "discard", "rerun", "retry", "force", "undo", "ack":
	default:
		return nil, nil, errNoPage
	}
	d, err := c.desk.DropDetails(c.r.Context(), id, false)
	if err != nil {
		return nil, nil, err
	}
	back := fmt.Sprintf("/drops/%d", id)
	return d, &asked{What: what, Object: fmt.Sprintf("drop %d, %s", id, d.File), Back: back, Action: back + "/" + what}, nil
}

func (s deciding) askDrop(c *call) error {
	d, a, err := s.asDrop(c)
	if err != nil {
		return err
	}
	return s.askAboutDrop(c, http.StatusOK, d, a)
}

// askAboutDrop shows what a decision about a drop would do. What can't be told, such as of a file whose bytes are gone, is no reason not
// to show the page.
func (s deciding) askAboutDrop(c *call, status int, d *operate.DropDetails, a *asked) (err error) {
	ctx := c.r.Context()
	feed, _ := operate.FeedOf(c.desk.Feeds, d.Feed)
	var plan func(context.Context) (*operate.Plan, error)
	rerun := func(o inbound.RerunOptions) func(context.Context) (*operate.Plan, error) {
		return func(ctx context.Context) (*operate.Plan, error) {
			return c.desk.PlanRerun(ctx, d.Drop, o, operate.PlanOptions{Weigh: true})
		}
	}
	switch a.What {
	case "approve":
		plan = rerun(inbound.RerunOptions{})
		if feed != nil {
			a.People = feed.Approve
		}
		for _, x := range d.Decisions {
			if x.Verdict == bridge.VerdictPartly {
				a.Already = append(a.Already, x.Who)
			}
		}
	case "rerun":
		plan = rerun(inbound.RerunOptions{})
	case "retry":
		plan = rerun(inbound.RerunOptions{Rejected: true})
	case "force":
		plan = rerun(inbound.RerunOptions{Force: true})
	case "ack":
		a.Open = d.Open
	case "undo":
		if a.Undo, err = c.desk.UndoDrop(ctx, d.Drop, false, true); err != nil {
			a.Trouble = err.Error()
		}
	}
	if plan != nil {
		name := fmt.Sprintf("%s %d %d", a.What, d.Drop, len(d.Decisions)+len(d.Runs))
		if a.Plan, a.Pending, err = s.plans.get(ctx, name, plan); err != nil {
			a.Trouble = err.Error()
		}
	}
	if a.Plan != nil || a.Undo != nil {
		if err := c.looks().Rows(ctx, d.Drop, d.Feed, "the plan of its rows"); err != nil {
			return err
		}
	}
	s.ask(c, status, a)
	return nil
}

func (s deciding) decideDrop(c *call) error {
	d, a, err := s.asDrop(c)
	if err != nil {
		return err
	}
	ok, problem := s.reason(c)
	if !ok {
		a.Problem, a.Why = problem, c.r.PostForm.Get("why")
		return s.askAboutDrop(c, http.StatusUnprocessableEntity, d, a)
	}
	ctx, deed, back := context.WithoutCancel(c.r.Context()), a.What, a.Back
	var v *operate.Result
	switch a.What {
	case "approve":
		if v, err = c.desk.Approve(ctx, d.Drop); err == nil && v.State == bridge.Held && v.Handed {
			deed = "approved-first"
		}
	case "discard":
		_, err = c.desk.Discard(ctx, d.Drop)
	case "rerun":
		_, err = c.desk.Rerun(ctx, d.Drop, inbound.RerunOptions{})
	case "retry":
		_, err = c.desk.Rerun(ctx, d.Drop, inbound.RerunOptions{Rejected: true})
	case "force":
		_, err = c.desk.Rerun(ctx, d.Drop, inbound.RerunOptions{Force: true})
	case "ack":
		_, err = c.desk.AckDrop(ctx, d.Drop)
	case "undo":
		var u *operate.Undo
		if u, err = c.desk.UndoDrop(ctx, d.Drop, false, false); err == nil && u.Made == nil {
			deed = "nothing"
		} else if err == nil {
			back = fmt.Sprintf("/drops/%d", u.Made.Drop)
		}
	}
	if err != nil {
		return err
	}
	done(c, back, deed)
	return nil
}

// asWork reads which feed or export, or the shop, is to be paused, resumed or looked at.
func (s deciding) asWork(c *call) (kind, name string, a *asked, err error) {
	name, what := c.r.PathValue("name"), c.r.PathValue("what")
	kind, _, _ = strings.Cut(strings.TrimPrefix(c.r.URL.Path, "/"), "/")
	a = &asked{What: what, Until: what == "pause", Free: what == "look"}
	switch kind {
	case "feeds":
		_, err = operate.FeedOf(c.desk.Feeds, name)
		kind = "feed"
	case "exports":
		_, err = c.desk.ExportOf(name)
		kind = "export"
	case "shops":
		kind = "shop"
		if !c.desk.Shows(name) {
			err = errNoPage
		}
	}
	switch {
	case what != "pause" && what != "resume" && (what != "look" || kind != "feed"):
		return "", "", nil, errNoPage
	case err != nil:
		return "", "", nil, &bridge.Error{Op: "find", Object: kind + " " + name, Err: bridge.ErrUnknown, Hint: "see /feeds and /exports"}
	case kind == "shop":
		a.Object, a.Back, a.Action = strings.TrimSpace("shop "+name), "/", strings.TrimSuffix(c.r.URL.Path, "/")
		return kind, name, a, nil
	}
	a.Object, a.Back = kind+" "+name, "/"+kind+"s/"+url.PathEscape(name)
	a.Action = a.Back + "/" + what
	return kind, name, a, nil
}

func (s deciding) askWork(c *call) error {
	_, _, a, err := s.asWork(c)
	if err == nil {
		s.ask(c, http.StatusOK, a)
	}
	return err
}

// spans are for how long something can be paused, or an alarm be known.
var spans = map[string]time.Duration{"1h": time.Hour, "4h": 4 * time.Hour, "24h": 24 * time.Hour, "": 0}

// localTime is a time as a field of a form has it; here it is in UTC.
const localTime = "2006-01-02T15:04"

// decidedUntil takes the reason of a decision from its form, and until when it holds: zero for no end.
func (s deciding) decidedUntil(c *call) (until time.Time, problem string) {
	if ok, problem := s.reason(c); !ok {
		return until, problem
	}
	now := c.desk.In.Clock.Now().UTC()
	if text := c.r.PostForm.Get("until"); text != "" {
		at, err := time.Parse(localTime, text)
		if err != nil {
			return until, "Write the time as 2026-01-31T07:00."
		}
		if !at.After(now) {
			return until, "Choose a time that is to come."
		}
		return at, ""
	}
	length, known := spans[c.r.PostForm.Get("for")]
	switch {
	case !known:
		return until, "Choose how long."
	case length > 0:
		until = now.Add(length)
	}
	return until, ""
}

func (s deciding) decideWork(c *call) error {
	kind, name, a, err := s.asWork(c)
	if err != nil {
		return err
	}
	until, problem := s.decidedUntil(c)
	if problem != "" && !a.Free {
		a.Problem, a.Why = problem, c.r.PostForm.Get("why")
		s.ask(c, http.StatusUnprocessableEntity, a)
		return nil
	}
	ctx := context.WithoutCancel(c.r.Context())
	switch a.What {
	case "pause":
		_, err = c.desk.Pause(ctx, kind, name, until)
	case "resume":
		_, err = c.desk.Resume(ctx, kind, name)
	case "look":
		err = operate.Hands{Desk: c.desk}.LookNow(ctx, name)
	}
	if err != nil {
		return err
	}
	done(c, a.Back, a.What)
	return nil
}

// asOrder reads which decision about which order a request means.
func (s deciding) asOrder(c *call) (*asked, error) {
	id, what := c.r.PathValue("id"), c.r.PathValue("what")
	if what != "send" && what != "render" && what != "has" {
		return nil, errNoPage
	}
	back := "/orders/" + url.PathEscape(id)
	a := &asked{What: what, Object: "order " + id, Back: back, Action: back + "/" + what, Export: c.r.FormValue("export")}
	for _, x := range c.desk.Exports {
		a.Exports = append(a.Exports, x.Name)
	}
	return a, nil
}

func (s deciding) askOrder(c *call) error {
	a, err := s.asOrder(c)
	if err != nil {
		return err
	}
	return s.askAboutOrder(c, http.StatusOK, a)
}

func (s deciding) askAboutOrder(c *call, status int, a *asked) (err error) {
	ctx, id := c.r.Context(), c.r.PathValue("id")
	if a.What == "has" {
		s.ask(c, status, a)
		return nil
	}
	if a.Orders, err = c.desk.WouldResend(ctx, id, a.Export, time.Time{}, time.Time{}); err != nil && a.What == "send" {
		return err
	}
	if a.What == "render" {
		details, err := c.desk.OrderDetails(ctx, id)
		if err != nil {
			return err
		}
		if err := c.desk.Saw(ctx, bridge.Event{Order: details[0].Order, Text: "what it would be rendered to"}); err != nil {
			return err
		}
		for _, x := range c.desk.Exports {
			if a.Export != "" && x.Name != a.Export {
				continue
			}
			v, err := c.desk.PreviewOrder(ctx, details[0].Order, x.Name)
			if err != nil {
				a.Trouble = err.Error()
				continue
			}
			a.Preview = append(a.Preview, v)
		}
	}
	s.ask(c, status, a)
	return nil
}

func (s deciding) decideOrder(c *call) error {
	a, err := s.asOrder(c)
	if err != nil {
		return err
	}
	ok, problem := s.reason(c)
	if !ok {
		a.Problem, a.Why = problem, c.r.PostForm.Get("why")
		return s.askAboutOrder(c, http.StatusUnprocessableEntity, a)
	}
	ctx, id := context.WithoutCancel(c.r.Context()), c.r.PathValue("id")
	if a.What == "has" {
		_, err = c.desk.AckOrder(ctx, id, a.Export)
	} else {
		_, err = c.desk.ResendOrder(ctx, id, a.Export, a.What == "render")
	}
	if err != nil {
		return err
	}
	done(c, a.Back, a.What)
	return nil
}

// askCheck shows a button: a page that is only looked at tries nothing.
func (s deciding) askCheck(c *call) error {
	s.show(c, http.StatusOK, "check", view{Title: c.T("Check"), Body: checked{Can: s.Check != nil && !c.desk.Narrow()}})
	return nil
}

type checked struct {
	Can      bool
	Ran      bool
	Findings checkup.Findings
	At       time.Time
}

func (s deciding) check(c *call) error {
	if s.Check == nil {
		return errNoPage
	}
	if c.desk.Narrow() { // it tries both ends of all shops
		return errRole
	}
	found, err := s.Check(c.r.Context())
	if err != nil {
		return err
	}
	v := checked{Can: true, Ran: true, Findings: found, At: s.Desk.In.Clock.Now()}
	s.show(c, http.StatusOK, "check", view{Title: c.T("Check"), Body: v})
	return nil
}

// mayAll says that the caller is an operator; what only operators see is left out for others.
func (c *call) mayAll() bool { return c.who.May(admit.Operator) }
