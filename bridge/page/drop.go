package page

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/formats"
)

const (
	shownRejects  = 100
	shownWarnings = 50
	shownRuns     = 20
	shownLife     = 200
)

// oneDrop is everything about a drop.
type oneDrop struct {
	*operate.DropDetails
	Feed     *config.Feed // nil: the config has it no more
	Life     []operate.Event
	Head     *operate.Head
	Rejects  []operate.KeptReject // the first ones
	More     bool                 // there are others
	Warned   []bridge.WarningRow  // the first ones: what was left out of rows that were loaded otherwise
	Parked   int64                // that its runs parked
	Plan     *operate.Plan        // of a held one
	Pending  bool                 // the plan is being made
	PlanErr  string
	Personal bool // its rows are about persons, and the reader may not see them
	Can      []string
}

// errEnough ends a walk.
var errEnough = errors.New("enough")

func (s dropPages) showDrop(c *call) error {
	id, err := number(c.r.PathValue("id"), "drop")
	if err != nil {
		return err
	}
	ctx := c.r.Context()
	v := &oneDrop{}
	if v.DropDetails, err = c.desk.DropDetails(ctx, id, false); err != nil {
		return err
	}
	v.Feed, _ = operate.FeedOf(c.desk.Feeds, v.DropDetails.Feed)
	v.Personal = c.looks().OfPersons(v.DropDetails.Feed) && !c.mayAll()
	if v.Life, err = c.desk.Life(ctx, id); err != nil {
		return err
	}
	if v.Rejects, v.More, err = rejectsOf(ctx, c.desk, bridge.RejectFilter{Drop: id}, shownRejects); err != nil {
		return err
	}
	if !v.Personal {
		if v.Head, err = (operate.Hands{Desk: c.desk}).Head(ctx, id); err != nil {
			return err
		}
		if err := c.looks().Rows(ctx, id, v.DropDetails.Feed, "rows of its file"); err != nil {
			return err
		}
	}
	if v.Warned, err = s.warningsOf(ctx, v); err != nil {
		return err
	}
	for _, r := range v.Runs {
		v.Parked += r.Counts.Parked
	}
	v.Runs, v.Life = lastOf(v.Runs, shownRuns), lastOf(v.Life, shownLife)
	v.Can = v.decisions()
	refresh := 0
	if v.State == bridge.Held && len(v.Parts) == 0 { // each part has a plan of its own
		v.Plan, v.Pending, err = s.plans.get(ctx, fmt.Sprintf("drop %d %d", id, len(v.Life)), func(ctx context.Context) (*operate.Plan, error) {
			return c.desk.PlanDrop(ctx, id, operate.PlanOptions{})
		})
		if err != nil {
			v.PlanErr = err.Error()
		}
		if v.Personal && v.Plan != nil {
			plan := *v.Plan
			plan.Changes, plan.Rejects = nil, nil
			v.Plan = &plan
		}
	}
	if v.Pending {
		refresh = 3
	}
	s.show(c, http.StatusOK, "drop", view{Title: fmt.Sprintf("%s %d", c.T("Drop"), id), Live: true, Refresh: refresh, Body: v})
	return nil
}

// lastOf are the last n of a list.
func lastOf[T any](list []T, n int) []T { return list[max(0, len(list)-n):] }

// warningsOf reads the first warnings of a drop's last run; none for those who may not see its rows.
func (s dropPages) warningsOf(ctx context.Context, v *oneDrop) (list []bridge.WarningRow, err error) {
	if v.Personal {
		return nil, nil
	}
	err = s.Desk.Ledger.Warnings(ctx, v.Drop, func(w bridge.WarningRow) error {
		if w.Run != v.Run.Run {
			return nil
		}
		if len(list) == shownWarnings {
			return errEnough
		}
		list = append(list, w)
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return list, err
}

// looks enter in the audit what of persons the caller is shown.
func (c *call) looks() operate.Looks { return operate.Looks{View: &c.desk.View} }

// decisions are what can be decided about a drop, as it stands.
func (v *oneDrop) decisions() (can []string) {
	switch {
	case v.State == bridge.Held:
		can = []string{"approve", "discard"}
	case v.State == bridge.Vanished || v.Details.Manifest:
	case v.State.Settled():
		if v.Rejected > 0 {
			can = append(can, "retry")
		}
		can = append(can, "rerun", "force")
		if v.Feed != nil && !v.Feed.Entity.Answers && v.Run.Run != 0 {
			can = append(can, "undo")
		}
		if v.State == bridge.Rejected {
			can = append(can, "discard")
		}
	default:
		can = []string{"discard"}
	}
	if v.Open > 0 {
		can = append(can, "ack")
	}
	return can
}

// rejectsOf reads the first n rejects.
func rejectsOf(ctx context.Context, k *operate.Desk, f bridge.RejectFilter, n int) (list []operate.KeptReject, more bool, err error) {
	err = k.EachReject(ctx, f, func(r operate.KeptReject) error {
		if len(list) == n {
			more = true
			return errEnough
		}
		list = append(list, r)
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return list, more, err
}

// number reads a number of a path.
func number(text, of string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return 0, &bridge.Error{Op: "find", Object: of + " " + formats.Printable(text), Err: bridge.ErrUnknown, Hint: "it is a number"}
	}
	return n, nil
}

func (s dropPages) dropRejects(c *call) error {
	id, err := number(c.r.PathValue("id"), "drop")
	if err != nil {
		return err
	}
	d, err := operate.DropOf(c.r.Context(), &c.desk.View, id)
	if err != nil {
		return err
	}
	return s.sendRejects(c, fmt.Sprintf("rejects_%d.csv", id), d.Feed, bridge.RejectFilter{Drop: id})
}

// sendRejects sends rejects as a file for a spreadsheet: what is from outside begins no formula there. Rows of persons are for operators.
func (s *Server) sendRejects(c *call, name, feed string, f bridge.RejectFilter) error {
	if c.mayAll() {
		if err := c.looks().Rows(c.r.Context(), f.Drop, feed, "rejects"); err != nil {
			return err
		}
	}
	var out *csv.Writer
	begin := func() error {
		c.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		c.w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
		out = csv.NewWriter(c.w)
		return out.Write([]string{"reject", "drop", "run", "where", "state", "entity", "key", "field", "code", "message", "row"})
	}
	err := c.desk.EachReject(c.r.Context(), f, func(r operate.KeptReject) error {
		if out == nil {
			if err := begin(); err != nil {
				return err
			}
		}
		cells := []string{strconv.FormatInt(r.ID, 10), strconv.FormatInt(r.Drop, 10), strconv.FormatInt(r.Run, 10), r.Where(), string(r.State),
			r.Entity, r.Key, r.Field, r.Code, r.Message, rowText(r.Row)}
		if s.hides(c, r.Entity) {
			cells[6], cells[9], cells[10] = "", "", ""
		}
		for i, text := range cells {
			cells[i] = formats.Inert(formats.Printable(text))
		}
		return out.Write(cells)
	})
	if out == nil && err == nil {
		err = begin()
	}
	if out == nil {
		return err
	}
	out.Flush()
	if err != nil && c.r.Context().Err() == nil {
		s.Log.Error("send rejects", "error", err) // half of them has been sent
	}
	return nil
}
