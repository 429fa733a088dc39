package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/admit"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/bridge/operate"
)

// Once is what every decision may carry so that it is carried out once.
type Once struct {
	Key string `header:"Idempotency-Key" maxLength:"255" doc:"the sender's own; the same key for the same decision gets the same answer, for a day"`
}

func (o *Once) key() string { return o.Key }

// Reason is what every decision says.
type Reason struct {
	Why string `json:"why,omitempty" maxLength:"4096" doc:"for the journal and the audit"`
}

// An Outcome is what became of a decision about a drop. Beside a running bridge that is the drop as it stands now; it is to be
// looked at again until it is settled, or held.
type Outcome struct {
	operate.Run
	Verdict string `json:"verdict" enum:"good,waits,failed"`
	Handed  bool   `json:"handed" doc:"the running bridge carries it out"`
	Paused  string `json:"paused" doc:"why nobody carries it out before it is resumed"`
}

// Result is the outcome as the one who decided on the spot has it.
func (o *Outcome) Result() *operate.Result {
	r := &operate.Result{Run: o.Run, Handed: o.Handed, Paused: o.Paused}
	for verdict, word := range verdicts {
		if word == o.Verdict {
			r.Verdict = verdict
		}
	}
	return r
}

// verdicts are the words for an [operate.Verdict].
var verdicts = map[operate.Verdict]string{operate.Good: "good", operate.Waits: "waits", operate.Failed: "failed"}

func outcome(v *operate.Result, err error) (*Outcome, error) {
	if err != nil {
		return nil, err
	}
	return outcomeOf(v), nil
}

func outcomeOf(v *operate.Result) *Outcome {
	return &Outcome{Run: v.Run, Verdict: verdicts[v.Verdict], Handed: v.Handed, Paused: v.Paused}
}

// deciding is a request that decides something.
type deciding[I any] interface {
	*I
	key() string
	why() string
}

// decide registers a decision of callers who have a role.
func decide[I any, P deciding[I], O any](s *server, a huma.API, role admit.Role, path, id, summary string,
	act func(context.Context, *operate.Desk, P) (O, error)) {
	op := s.operation(http.MethodPost, path, id, summary, role)
	huma.Register(a, op, func(ctx context.Context, in *I) (*found[O], error) {
		ask, who := P(in), admit.CallerOf(ctx)
		desk := *s.desk(ctx)
		desk.By = who.Decision(ask.why())
		out, err := carryOut(ctx, s, who.Name, ask.key(), id, in, func() (O, error) { return act(ctx, &desk, ask) })
		if err != nil {
			return nil, s.problemOf(err)
		}
		return &found[O]{out}, nil
	})
}

// carryOut carries a decision out unless its sender's key says that it was.
func carryOut[O any](ctx context.Context, s *server, caller, key, id string, in any, act func() (O, error)) (out O, err error) {
	if key == "" {
		return act()
	}
	p := bridge.Promise{Caller: caller, Key: key, Digest: digest(id, in), At: s.Clock.Now()}
	was, err := s.Ledger.Promise(ctx, p)
	switch {
	case err != nil:
		return out, err
	case was == nil:
	case was.Digest != p.Digest:
		return out, problem(http.StatusUnprocessableEntity, "this Idempotency-Key was sent with another decision", "take a new key for each")
	case was.Status == 0:
		return out, problem(http.StatusConflict, "the decision of this Idempotency-Key is being carried out, or was cut short",
			"look at what it is about before it is decided with a new key")
	default:
		return out, json.Unmarshal(was.Answer, &out)
	}
	out, err = act()
	ctx = context.WithoutCancel(ctx) // what was decided is kept, whether or not somebody still waits for the answer
	if err == nil {
		p.Status = http.StatusOK
		if p.Answer, err = json.Marshal(out); err != nil {
			return out, err
		}
		return out, s.Ledger.Fulfil(ctx, p)
	}
	if forgets := s.Ledger.Fulfil(ctx, p); forgets != nil {
		s.Log.Error("forget the key of a refused decision", "error", forgets)
	}
	return out, err
}

// digest tells what is asked.
func digest(id string, in any) string {
	text, err := json.Marshal(in)
	if err != nil {
		return "" // a request was made of JSON
	}
	sum := sha256.Sum256(append([]byte(id+"\n"), text...))
	return hex.EncodeToString(sum[:])
}

type aboutDrop struct {
	OneDrop
	Once
	Body Reason
}

func (in *aboutDrop) why() string { return in.Body.Why }

type rerun struct {
	OneDrop
	Once
	Body struct {
		Reason
		Rejected bool `json:"rejected,omitempty" doc:"only the rows that its last run rejected"`
		Force    bool `json:"force,omitempty" doc:"send unchanged rows too, and overwrite what newer drops have set"`
	}
}

func (in *rerun) why() string { return in.Body.Why }

// rerunFeed chooses drops by when they were seen, and what of them is loaded.
type rerunFeed struct {
	Feed string `path:"feed" maxLength:"255"`
	Once
	Body struct {
		Reason
		From     time.Time `json:"from,omitzero" doc:"seen at or after"`
		To       time.Time `json:"to,omitzero" doc:"seen before"`
		Rejected bool      `json:"rejected,omitempty" doc:"only the rows that their last runs rejected"`
		Force    bool      `json:"force,omitempty" doc:"send unchanged rows too, and overwrite what newer drops have set"`
	}
}

func (in *rerunFeed) why() string { return in.Body.Why }

type undoBody struct {
	Reason
	Yes    bool `json:"yes,omitempty" doc:"load the way back at once"`
	DryRun bool `json:"dry_run,omitempty" doc:"say what would be taken back, and change nothing"`
}

type undoDrop struct {
	OneDrop
	Once
	Body undoBody
}

func (in *undoDrop) why() string { return in.Body.Why }

type undoRun struct {
	Run int64 `path:"run" minimum:"1"`
	Once
	Body undoBody
}

func (in *undoRun) why() string { return in.Body.Why }

type ackReject struct {
	Reject int64 `path:"reject" minimum:"1"`
	Once
	Body Reason
}

func (in *ackReject) why() string { return in.Body.Why }

type resend struct {
	OneOrder
	Once
	Body struct {
		Reason
		Export string `json:"export,omitempty" doc:"only by this export; by each that has it without"`
		Render bool   `json:"render,omitempty" doc:"a new version, from the shop's present state"`
		DryRun bool   `json:"dry_run,omitempty" doc:"list the files that would be written, and change nothing"`
	}
}

func (in *resend) why() string { return in.Body.Why }

// resendAll chooses orders by when they were submitted.
type resendAll struct {
	Once
	Body struct {
		Reason
		Export string    `json:"export,omitempty" doc:"only by this export; by every one without"`
		From   time.Time `json:"from" doc:"submitted at or after"`
		To     time.Time `json:"to,omitzero" doc:"submitted before"`
		DryRun bool      `json:"dry_run,omitempty" doc:"list the files that would be written, and change nothing"`
	}
}

func (in *resendAll) why() string { return in.Body.Why }

// pauseBody names what is paused or resumed.
type pauseBody struct {
	Reason
	Kind  string    `json:"kind" enum:"feed,export,shop"`
	Name  string    `json:"name,omitempty" doc:"of the feed or export"`
	Until time.Time `json:"until,omitzero" doc:"until somebody resumes it without"`
}

type pause struct {
	Once
	Body pauseBody
}

func (in *pause) why() string { return in.Body.Why }

type aboutFeed struct {
	Feed string `path:"feed" maxLength:"255"`
	Once
	Body Reason
}

func (in *aboutFeed) why() string { return in.Body.Why }

// decisions registers what is decided.
func (s *server) decisions(a huma.API) {
	decide(s, a, admit.Operator, "/drops/{drop}/approve", "approve", "Let a held drop go on in spite of its guards",
		func(ctx context.Context, desk *operate.Desk, in *aboutDrop) (*Outcome, error) {
			return outcome(desk.Approve(ctx, in.Drop))
		})
	decide(s, a, admit.Operator, "/drops/{drop}/discard", "discard", "Throw a drop away that is held, waits or was rejected",
		func(ctx context.Context, desk *operate.Desk, in *aboutDrop) (*Outcome, error) {
			return outcome(desk.Discard(ctx, in.Drop))
		})
	decide(s, a, admit.Operator, "/drops/{drop}/rerun", "rerun", "Load a settled drop again, or only its rejected rows",
		func(ctx context.Context, desk *operate.Desk, in *rerun) (*Outcome, error) {
			return outcome(desk.Rerun(ctx, in.Drop, inbound.RerunOptions{Rejected: in.Body.Rejected, Force: in.Body.Force}))
		})
	decide(s, a, admit.Operator, "/feeds/{feed}/rerun", "rerun-feed", "Load the settled drops of a time again, in their order",
		func(ctx context.Context, desk *operate.Desk, in *rerunFeed) (all []*Outcome, err error) {
			r := operate.Range{Feed: in.Feed, From: in.Body.From, To: in.Body.To}
			o := inbound.RerunOptions{Rejected: in.Body.Rejected, Force: in.Body.Force}
			err = desk.RerunRange(ctx, r, o, func(v *operate.Result) error { all = append(all, outcomeOf(v)); return nil })
			return all, err
		})
	decide(s, a, admit.Operator, "/drops/{drop}/undo", "undo-drop", "Take back what a drop has set",
		func(ctx context.Context, desk *operate.Desk, in *undoDrop) (*operate.Undo, error) {
			return desk.UndoDrop(ctx, in.Drop, in.Body.Yes, in.Body.DryRun)
		})
	decide(s, a, admit.Operator, "/runs/{run}/undo", "undo-run", "Take back what one run has set",
		func(ctx context.Context, desk *operate.Desk, in *undoRun) (*operate.Undo, error) {
			return desk.UndoRun(ctx, in.Run, in.Body.Yes, in.Body.DryRun)
		})
	decide(s, a, admit.Operator, "/drops/{drop}/ack", "ack-drop", "Acknowledge the open rejects of a drop",
		func(ctx context.Context, desk *operate.Desk, in *aboutDrop) (*operate.Acknowledgement, error) {
			return desk.AckDrop(ctx, in.Drop)
		})
	decide(s, a, admit.Operator, "/rejects/{reject}/ack", "ack-reject", "Acknowledge one reject",
		func(ctx context.Context, desk *operate.Desk, in *ackReject) (*operate.Acknowledgement, error) {
			return desk.AckReject(ctx, in.Reject)
		})
	decide(s, a, admit.Operator, "/orders/{order}/resend", "resend", "Write an order's file once more",
		func(ctx context.Context, desk *operate.Desk, in *resend) ([]operate.Order, error) {
			if in.Body.DryRun {
				return desk.WouldResend(ctx, in.Order, in.Body.Export, time.Time{}, time.Time{})
			}
			return desk.ResendOrder(ctx, in.Order, in.Body.Export, in.Body.Render)
		})
	decide(s, a, admit.Operator, "/resend", "resend-all", "Write the files of the orders of a time once more",
		func(ctx context.Context, desk *operate.Desk, in *resendAll) ([]operate.Order, error) {
			if in.Body.DryRun {
				return desk.WouldResend(ctx, "", in.Body.Export, in.Body.From, in.Body.To)
			}
			return desk.ResendOrders(ctx, in.Body.Export, in.Body.From, in.Body.To)
		})
	decide(s, a, admit.Operator, "/pause", "pause", "Stop a feed, an export or the shop",
		func(ctx context.Context, desk *operate.Desk, in *pause) (*operate.Pause, error) {
			if err := mayPause(ctx, in.Body.Kind); err != nil {
				return nil, err
			}
			return desk.Pause(ctx, in.Body.Kind, in.Body.Name, in.Body.Until)
		})
	decide(s, a, admit.Operator, "/resume", "resume", "Let a feed, an export or the shop go on",
		func(ctx context.Context, desk *operate.Desk, in *pause) (*operate.Pause, error) {
			if err := mayPause(ctx, in.Body.Kind); err != nil {
				return nil, err
			}
			return desk.Resume(ctx, in.Body.Kind, in.Body.Name)
		})
	decide(s, a, admit.Operator, "/alarms/{alarm}/ack", "ack-alarm", "Take note of an alarm: nobody is reminded, and it goes to nobody else",
		func(ctx context.Context, desk *operate.Desk, in *ackAlarm) (*operate.LiveAlarm, error) {
			return takeNote(ctx, desk, in.Alarm, time.Time{})
		})
	decide(s, a, admit.Operator, "/alarms/{alarm}/snooze", "snooze-alarm", "Put an alarm off: people are told again after a time",
		func(ctx context.Context, desk *operate.Desk, in *snoozeAlarm) (*operate.LiveAlarm, error) {
			return takeNote(ctx, desk, in.Alarm, in.Body.Until)
		})
	decide(s, a, admit.Operator, "/feeds/{feed}/look", "look", "Have a feed looked at now",
		func(ctx context.Context, desk *operate.Desk, in *aboutFeed) (struct{}, error) {
			return struct{}{}, operate.Hands{Desk: desk}.LookNow(ctx, in.Feed)
		})
}

// mayPause keeps the shop as a whole for admins.
func mayPause(ctx context.Context, kind string) error {
	if kind == "shop" && !admit.CallerOf(ctx).May(admit.Admin) {
		return problem(http.StatusForbidden, "to pause the shop needs the role admin", "")
	}
	return nil
}
