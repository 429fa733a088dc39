package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/api"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/bridge/operate"
)

// A Desk decides at a bridge elsewhere, which carries it out.
type Desk struct {
	*Bridge
	Why  string
	Wait bool // until it has been carried out
}

var (
	_ operate.Looker  = (*Bridge)(nil)
	_ operate.Planner = (*Bridge)(nil)
	_ operate.Decider = (*Desk)(nil)
)

// How often a decision is sent whose answer was lost, and how often is looked whether one was carried out.
const (
	sendings  = 3
	pause     = time.Second
	lookEvery = 500 * time.Millisecond
)

// moveWithin is how long somebody who waits for a drop goes on waiting, once it is settled, for its last move.
const moveWithin = 5 * time.Second

// body is what a decision says; what is zero is not sent.
type body map[string]any

// decide sends a decision, once more with the same key when its answer was lost. Verb is what then shows what became of it.
func decide[T any](ctx context.Context, d *Desk, path string, says body, verb string) (v T, err error) {
	says["why"] = d.Why
	for name, value := range says {
		if t, ok := value.(time.Time); value == "" || value == false || ok && t.IsZero() {
			delete(says, name)
		}
	}
	r := request{method: http.MethodPost, path: path, body: says, key: rand.Text()}
	for try := 1; ; try++ {
		_, err = answer(ctx, d.Bridge, r, &v)
		if !errors.Is(err, errLost) {
			return v, err
		}
		if try == sendings {
			return v, d.trouble(fmt.Errorf("%w: %w", bridge.ErrUnreachable, errLost),
				"it may have been decided: look at `orobridge "+verb+"` before you decide again")
		}
		if err := d.clock.Wait(ctx, pause); err != nil {
			return v, err
		}
	}
}

// ofDrop takes a decision about a drop.
func (d *Desk) ofDrop(ctx context.Context, drop int64, what string, says body) (*operate.Result, error) {
	v, err := decide[*api.Outcome](ctx, d, fmt.Sprintf("/drops/%d/%s", drop, what), says, fmt.Sprintf("drop %d", drop))
	if err != nil {
		return nil, err
	}
	return d.followed(ctx, v.Result())
}

// Approve implements [operate.Decider].
func (d *Desk) Approve(ctx context.Context, drop int64) (*operate.Result, error) {
	return d.ofDrop(ctx, drop, "approve", body{})
}

// Discard implements [operate.Decider].
func (d *Desk) Discard(ctx context.Context, drop int64) (*operate.Result, error) {
	return d.ofDrop(ctx, drop, "discard", body{})
}

// Rerun implements [operate.Decider].
func (d *Desk) Rerun(ctx context.Context, drop int64, o inbound.RerunOptions) (*operate.Result, error) {
	return d.ofDrop(ctx, drop, "rerun", body{"rejected": o.Rejected, "force": o.Force})
}

// RerunRange implements [operate.Decider].
func (d *Desk) RerunRange(ctx context.Context, r operate.Range, o inbound.RerunOptions, each func(*operate.Result) error) error {
	all, err := decide[[]*api.Outcome](ctx, d, "/feeds/"+url.PathEscape(r.Feed)+"/rerun",
		body{"from": r.From, "to": r.To, "rejected": o.Rejected, "force": o.Force}, "drops --feed "+r.Feed)
	if err != nil {
		return err
	}
	for _, v := range all {
		result, err := d.followed(ctx, v.Result())
		if err != nil {
			return err
		}
		if err := each(result); err != nil {
			return err
		}
	}
	return nil
}

// UndoDrop implements [operate.Decider].
func (d *Desk) UndoDrop(ctx context.Context, drop int64, agreed, dry bool) (*operate.Undo, error) {
	return d.undo(ctx, fmt.Sprintf("/drops/%d/undo", drop), agreed, dry)
}

// UndoRun implements [operate.Decider].
func (d *Desk) UndoRun(ctx context.Context, run int64, agreed, dry bool) (*operate.Undo, error) {
	return d.undo(ctx, fmt.Sprintf("/runs/%d/undo", run), agreed, dry)
}

func (d *Desk) undo(ctx context.Context, path string, agreed, dry bool) (*operate.Undo, error) {
	v, err := decide[*operate.Undo](ctx, d, path, body{"yes": agreed, "dry_run": dry}, "drops")
	if err != nil || v.Made == nil {
		return v, err
	}
	if v.Result, err = d.followed(ctx, &operate.Result{Run: *v.Made, Handed: true}); err != nil {
		return nil, err
	}
	v.Made = &v.Result.Run
	return v, nil
}

// AckDrop implements [operate.Decider].
func (d *Desk) AckDrop(ctx context.Context, drop int64) (*operate.Acknowledgement, error) {
	return decide[*operate.Acknowledgement](ctx, d, fmt.Sprintf("/drops/%d/ack", drop), body{}, fmt.Sprintf("drop %d", drop))
}

// AckReject implements [operate.Decider].
func (d *Desk) AckReject(ctx context.Context, id int64) (*operate.Acknowledgement, error) {
	return decide[*operate.Acknowledgement](ctx, d, fmt.Sprintf("/rejects/%d/ack", id), body{}, "rejects --all --flat")
}

func resendPath(order string) string { return "/orders/" + url.PathEscape(order) + "/resend" }

// ResendOrder implements [operate.Decider].
func (d *Desk) ResendOrder(ctx context.Context, order, export string, render bool) ([]operate.Order, error) {
	all, err := decide[[]operate.Order](ctx, d, resendPath(order), body{"export": export, "render": render}, "order "+order)
	if err != nil {
		return nil, err
	}
	return d.written(ctx, all)
}

// ResendOrders implements [operate.Decider].
func (d *Desk) ResendOrders(ctx context.Context, export string, from, to time.Time) ([]operate.Order, error) {
	all, err := decide[[]operate.Order](ctx, d, "/resend", body{"export": export, "from": from, "to": to}, "orders")
	if err != nil {
		return nil, err
	}
	return d.written(ctx, all)
}

// followed is a result once the bridge has carried it out, for who waits.
func (d *Desk) followed(ctx context.Context, r *operate.Result) (*operate.Result, error) {
	if !d.Wait {
		return r, nil
	}
	var settled time.Time
	for {
		v, err := d.DropDetails(ctx, r.Drop, false)
		if err != nil {
			return nil, d.cutShort(err)
		}
		switch {
		case v.Details.Moved, v.State == bridge.Held:
			return operate.ResultOf(v.Run), nil
		case v.State.Settled() && settled.IsZero():
			settled = d.clock.Now()
		case v.State.Settled() && d.clock.Now().Sub(settled) > moveWithin:
			r := operate.ResultOf(v.Run)
			r.Unmoved = errors.New("see `orobridge drop`")
			return r, nil
		}
		if err := d.clock.Wait(ctx, lookEvery); err != nil {
			return nil, err
		}
	}
}

// written are orders once the bridge has written their files, or found out that it can't, for who waits.
func (d *Desk) written(ctx context.Context, all []operate.Order) ([]operate.Order, error) {
	for i := range all {
		o := &all[i]
		for d.Wait && (o.State == bridge.OwedNow || o.State == bridge.Collected) {
			if err := d.clock.Wait(ctx, lookEvery); err != nil {
				return nil, err
			}
			same, err := d.Orders(ctx, bridge.OutboxFilter{Export: o.Export, Order: o.Order})
			if err != nil {
				return nil, d.cutShort(err)
			}
			for _, s := range same {
				if s.Order == o.Order && s.Number == o.Number {
					*o = s
				}
			}
		}
	}
	return all, nil
}

// cutShort says of trouble while somebody waits that it was decided all the same.
func (d *Desk) cutShort(err error) error {
	return bridge.Within("it is decided, and the bridge carries it out", err)
}
