package ledgertest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// A Stager opens stages: a ledger does, and whatever else may stand in the place of its own.
type Stager interface {
	NewStage(ctx context.Context, e *formats.Entity, run int64) (bridge.Stage, error)
}

// RunStages has what is asked of stages played alone.
func RunStages(t *testing.T, open func(t *testing.T) Stager) {
	for _, test := range stage {
		t.Run(test.name, func(t *testing.T) {
			w := &world{T: t, place: func() (Ledger, error) { return staging{stager: open(t)}, nil }}
			w.Ledger = w.beside()
			test.play(w)
		})
	}
}

// staging is a ledger of which nothing but stages is asked.
type staging struct {
	Ledger
	stager Stager
}

func (s staging) NewStage(ctx context.Context, e *formats.Entity, run int64) (bridge.Stage, error) {
	return s.stager.NewStage(ctx, e, run)
}

func (staging) Close() error { return nil }

// stageOf opens a stage of prices that the test's end closes.
func (w *world) stageOf(run int64) bridge.Stage {
	w.Helper()
	s, err := w.NewStage(w.Context(), formats.Prices, run)
	w.must(err)
	w.Cleanup(func() {
		if err := s.Close(); err != nil {
			w.Error(err)
		}
	})
	return s
}

// staged is a price on its way.
func staged(key, value string) *bridge.Staged {
	rec := &formats.Record{Entity: formats.Prices, Key: key, Values: values("value", value),
		Pos: formats.Position{Line: 5, Offset: 100, Segment: "E1", Doc: "7", Part: "a"}}
	return &bridge.Staged{Change: bridge.Change{Key: key, Record: rec, Line: 5, Values: rec.Values},
		Raw: bridge.Cells{{Field: "PREIS", Text: value}, {Field: `"`, Text: "\\"}}}
}

// stagedKeys lists the keys of a status.
func (w *world) stagedKeys(s bridge.Stage, status bridge.StageStatus) (keys []string) {
	w.Helper()
	for after := int64(0); ; {
		page, err := s.Next(w.Context(), status, after, 2)
		w.must(err)
		if len(page) == 0 {
			return keys
		}
		if len(page) > 2 {
			w.Fatalf("%d changes at once", len(page))
		}
		after = page[len(page)-1].Seq
		keys = append(keys, each(page, func(c *bridge.Staged) string { return c.Key })...)
	}
}

var stage = []test{
	{"a stage holds one change per key", func(w *world) {
		s := w.stageOf(1)
		repeats, err := s.Put(w.Context(), []*bridge.Staged{staged("a", "1"), staged("b", "2")})
		w.must(err)
		w.is([]*bridge.Staged(nil), repeats)
		again, fresh := staged("a", "3"), staged("A", "4")
		repeats, err = s.Put(w.Context(), []*bridge.Staged{again, fresh, again})
		w.must(err)
		w.is([]*bridge.Staged{again, again}, repeats)
		got, err := s.Get(w.Context(), "a")
		w.must(err)
		w.is("1", got.Record.Values[0].Text)
		got, err = s.Get(w.Context(), "c")
		w.must(err)
		w.is((*bridge.Staged)(nil), got)
		w.is([]string{"a", "b", "A"}, w.stagedKeys(s, bridge.Undecided))
	}},
	{"a change comes back as it was put and saved", func(w *world) {
		s, c := w.stageOf(1), staged("a", "☃")
		_, err := s.Put(w.Context(), []*bridge.Staged{c})
		w.must(err)
		got, err := s.Get(w.Context(), "a")
		w.must(err)
		w.is(c, got)
		c.Remove, c.Record.Remove, c.Implied, c.Parked = true, true, true, at
		c.Record.Values, c.Raw = values("value", "2", "x", strings.Repeat("long ", 100)), bridge.Cells{{Field: "other", Text: "ü"}}
		w.must(s.Replace(w.Context(), c))
		got, err = s.Get(w.Context(), "a")
		w.must(err)
		w.is(c, got)
		c.Values = nil
		w.must(s.Save(w.Context(), []*bridge.Staged{c}))
		got, err = s.Get(w.Context(), "a")
		w.must(err)
		w.is(c, got)
		c.Op, c.OroID, c.Link, c.Status, c.Cap, c.Tries, c.Again, c.Verify = bridge.Update, "7", 8, bridge.Waiting, 9, 10, true, true
		c.Values, c.Old = values("value", "2"), values("value", "1")
		c.Missing = &bridge.Missing{Entity: "products", Key: "X"}
		w.must(s.Save(w.Context(), []*bridge.Staged{c}))
		page, err := s.Next(w.Context(), bridge.Waiting, 0, 10)
		w.must(err)
		w.is([]*bridge.Staged{c}, page)
		w.must(s.Save(w.Context(), []*bridge.Staged{{Seq: c.Seq, Status: bridge.Finished}}))
		w.is([]string{"a"}, w.stagedKeys(s, bridge.Finished))
	}},
	{"changes are counted by status and operation, and go one by one", func(w *world) {
		s := w.stageOf(1)
		decided, waiting := staged("b", "2"), staged("c", "3")
		_, err := s.Put(w.Context(), []*bridge.Staged{staged("a", "1"), decided, waiting, staged("d", "4")})
		w.must(err)
		decided.Status, decided.Op, waiting.Status = bridge.Decided, bridge.Create, bridge.Waiting
		w.must(s.Save(w.Context(), []*bridge.Staged{decided, waiting, staged("of no stage", "1")}))
		w.must(s.Drop(w.Context(), "a"))
		w.must(s.Drop(w.Context(), "never put"))
		counts, err := s.Count(w.Context())
		w.must(err)
		w.is(map[bridge.StageStatus]map[bridge.Op]int64{bridge.Undecided: {"": 1}, bridge.Decided: {bridge.Create: 1},
			bridge.Waiting: {"": 1}}, counts)
		w.is([]string{"d"}, w.stagedKeys(s, bridge.Undecided))
		_, err = s.Put(w.Context(), []*bridge.Staged{staged("a", "5")})
		w.must(err)
		w.is([]string{"d", "a"}, w.stagedKeys(s, bridge.Undecided))
	}},
	{"a stage that grows keeps what it has", func(w *world) {
		s, c := w.stageOf(1), staged("a", "1")
		_, err := s.Put(w.Context(), []*bridge.Staged{staged("gone", "1"), c})
		w.must(err)
		w.must(s.Drop(w.Context(), "gone"))
		c.Status, c.Op, c.OroID, c.Values = bridge.Decided, bridge.Update, "7", values("value", "2")
		w.must(s.Save(w.Context(), []*bridge.Staged{c}))
		for range 3 {
			many := make([]*bridge.Staged, 150)
			for i := range many {
				many[i] = staged(fmt.Sprint(i), "1")
			}
			repeats, err := s.Put(w.Context(), append(many, staged("a", "3")))
			w.must(err)
			w.is("a", repeats[len(repeats)-1].Key)
		}
		got, err := s.Get(w.Context(), "a")
		w.must(err)
		c.Seq = got.Seq
		w.is(c, got)
		c.OroID = "8"
		w.must(s.Save(w.Context(), []*bridge.Staged{c}))
		page, err := s.Next(w.Context(), bridge.Decided, 0, 10)
		w.must(err)
		w.is([]*bridge.Staged{c}, page)
		w.is(150, len(w.stagedKeys(s, bridge.Undecided)))
	}},
	{"what a stage gives out is the caller's", func(w *world) {
		s, c := w.stageOf(1), staged("a", "1")
		_, err := s.Put(w.Context(), []*bridge.Staged{c})
		w.must(err)
		c.Record.Values[0].Text, c.Raw[0].Text, c.OroID = "9", "9", "9"
		for range 2 {
			got, err := s.Get(w.Context(), "a")
			w.must(err)
			w.is("1 1 ", got.Record.Values[0].Text+" "+got.Raw[0].Text+" "+got.OroID)
			got.Record.Values[0].Text, got.Raw[0].Text, got.OroID = "8", "8", "8"
		}
	}},
	{"once all is planned, what has its fate may be gone, and the rest goes on", func(w *world) {
		s := w.stageOf(1)
		c := staged("b", "2")
		_, err := s.Put(w.Context(), []*bridge.Staged{staged("a", "1"), c})
		w.must(err)
		w.must(s.Planned(w.Context()))
		w.is([]string{"a", "b"}, w.stagedKeys(s, bridge.Undecided))
		c.Status = bridge.Finished
		w.must(s.Save(w.Context(), []*bridge.Staged{c}))
		page, err := s.Next(w.Context(), bridge.Undecided, 0, 10)
		w.must(err)
		w.is("a", page[0].Key)
		page[0].Status = bridge.Finished
		w.must(s.Save(w.Context(), page))
		w.is([]string(nil), w.stagedKeys(s, bridge.Undecided))
		w.must(s.Save(w.Context(), page)) // once more
	}},
	{"a put that is cut puts nothing", func(w *world) {
		s := w.stageOf(1)
		ctx, cancel := context.WithCancel(w.Context())
		cancel()
		_, err := s.Put(ctx, []*bridge.Staged{staged("a", "1")})
		w.wraps(err, context.Canceled)
		w.is([]string(nil), w.stagedKeys(s, bridge.Undecided))
		_, err = s.Put(w.Context(), []*bridge.Staged{staged("a", "1")})
		w.must(err)
		w.wraps(s.Save(ctx, []*bridge.Staged{staged("a", "2")}), context.Canceled)
		w.wraps(s.Drop(ctx, "a"), context.Canceled)
		got, err := s.Get(w.Context(), "a")
		w.must(err)
		w.is("1", got.Record.Values[0].Text)
	}},
	{"stages of several runs and plans know nothing of one another", func(w *world) {
		for i, s := range []bridge.Stage{w.stageOf(1), w.stageOf(2), w.stageOf(0)} {
			repeats, err := s.Put(w.Context(), []*bridge.Staged{staged("a", fmt.Sprint(i))})
			w.must(err)
			w.is(0, len(repeats))
		}
	}},
	{"a stage does not outlast its run", func(w *world) {
		s, err := w.NewStage(w.Context(), formats.Prices, 1)
		w.must(err)
		_, err = s.Put(w.Context(), []*bridge.Staged{staged("a", "1")})
		w.must(err)
		w.must(s.Close())
		w.again()
		w.is([]string(nil), w.stagedKeys(w.stageOf(1), bridge.Undecided))
	}},
}
