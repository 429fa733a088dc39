package operate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/operate"
)

// Rows that have one fault have one cause: what is a row's own is no part of it, what has to be named in the config or in the
// shop is.
func TestRejectsAreGroupedByTheirCause(t *testing.T) {
	w := bridgetest.NewWorld(t, guarded)
	var b strings.Builder
	for i := range 6 {
		fmt.Fprintf(&b, "SKU%d,Pipe,PAL\nSKU1%d,Pipe,KAR\nSKU2%d,Pi\x01pe %d,ST\n", i, i, i, i)
	}
	w.Drop("products", "1.csv", head+b.String()+"SKU7,Pipe,ST\n"+strings.Repeat("SKU8,Pipe,PAL\n", 1))
	w.Round()
	_, err := desk(w, false).Approve(t.Context(), 1)
	w.Must(err)
	w.Drop("products", "2.csv", head+"SKU9,Pipe,PAL\nSKU7,Pipe,ST\nSKU10,Pipe,ST\n")
	w.Round()
	causes, err := desk(w, false).Causes(t.Context(), bridge.RejectFilter{Open: true})
	w.Must(err)
	var got []string
	for _, c := range causes {
		got = append(got, fmt.Sprintf("%d in %d: %s: %s (%s of drop %d)", c.Rows, c.Drops, c.Code, c.Cause, c.Example.Key, c.Example.Drop))
	}
	want := []string{
		`8 in 2: value: unit: "PAL" is not in values: unit, which has ST (SKU9 of drop 2)`,
		`6 in 1: control: name: the control character U+… stands in … (SKU25 of drop 1)`,
		`5 in 1: value: unit: "KAR" is not in values: unit, which has ST (SKU15 of drop 1)`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What somebody knows of is not open any more, by one reject or by the drop; what is not open can't be taken note of.
func TestRejectsAreAcknowledged(t *testing.T) {
	w := held(t)
	k := desk(w, false)
	_, err := k.Approve(t.Context(), 1)
	w.Must(err)
	status := func() int64 {
		v, err := k.Status(t.Context())
		w.Must(err)
		return v.Feeds[0].Rejects
	}
	if n := status(); n != 2 {
		t.Errorf("%d are open", n)
	}
	first, err := k.Rejects(t.Context(), bridge.RejectFilter{})
	w.Must(err)
	one, err := k.AckReject(t.Context(), first[0].ID)
	w.Must(err)
	if one.Acknowledged != 1 || one.Open != 1 || one.Drop != 1 || status() != 1 {
		t.Errorf("%+v, %d are open", one, status())
	}
	for name, ack := range map[string]func() error{
		"again":   func() error { _, err := k.AckReject(t.Context(), first[0].ID); return err },
		"nothing": func() error { _, err := k.AckReject(t.Context(), 77); return err },
		"no drop": func() error { _, err := k.AckDrop(t.Context(), 77); return err },
	} {
		if err := ack(); err == nil {
			t.Errorf("%s: it was acknowledged", name)
		}
	}
	rest, err := k.AckDrop(t.Context(), 1)
	w.Must(err)
	if rest.Acknowledged != 1 || rest.Open != 0 || status() != 0 {
		t.Errorf("%+v, %d are open", rest, status())
	}
	if _, err := k.AckDrop(t.Context(), 1); bridge.HintOf(err) == "" {
		t.Errorf("a drop without open rejects: %v", err)
	}
	all, err := k.Rejects(t.Context(), bridge.RejectFilter{})
	w.Must(err)
	if r := all[0]; r.State != bridge.RejectAcknowledged || r.Who != "olga@desk" || r.Why != "asked the sender" || r.Ended == nil || r.Drop != 1 {
		t.Errorf("it is %+v", r)
	}
}

// A drop tells how long it was held, who decided what about it and why, and what was written for its sender.
func TestADropTellsWhatWasDecided(t *testing.T) {
	w := held(t)
	w.Later(90_000_000_000)
	k := desk(w, false)
	_, err := k.Approve(t.Context(), 1)
	w.Must(err)
	d, err := k.DropDetails(t.Context(), 1, false)
	w.Must(err)
	if len(d.Holds) != 1 || d.Holds[0].Seconds != 90 || d.Holds[0].Until == nil || !strings.HasPrefix(d.Holds[0].Reason, "max_rejects: 2 of 3") {
		t.Errorf("it was held: %+v", d.Holds)
	}
	if len(d.Decisions) != 1 || d.Decisions[0].Decision != "approved" || d.Decisions[0].Who != "olga@desk" || d.Decisions[0].Why != "asked the sender" {
		t.Errorf("decided: %+v", d.Decisions)
	}
	if diff := cmp.Diff([]string{"products/rejected/bad_r1_rejects.csv"}, d.Papers); diff != "" {
		t.Errorf("papers: -want +got:\n%s", diff)
	}
	if d.Open != 2 {
		t.Errorf("%d rejects are open", d.Open)
	}
}

// A drop that is being loaded tells how far it is, from the ledger alone: as well beside the bridge that loads it.
func TestADropTellsHowFarItIs(t *testing.T) {
	const n = 350
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	skus := make([]string, n)
	var file strings.Builder
	for i := range skus {
		skus[i] = fmt.Sprintf("SKU%03d", i)
		file.WriteString(bridgetest.Price(skus[i], "1"))
	}
	w.Stock(skus...)
	w.Drop("prices", "a.csv", bridgetest.PriceHead+file.String())
	var d *operate.DropDetails
	var err error
	w.OnStep(func(name string) {
		if name == "settled" && d == nil {
			d, err = desk(w, true).DropDetails(t.Context(), 1, false)
		}
	})
	w.Round()
	w.Must(err)
	if p := d.Progress; p == nil || p.Planned != n || p.Judged == 0 || p.Judged == n || p.Sent < p.Judged {
		t.Errorf("it tells %+v", p)
	}
	if d, err = desk(w, true).DropDetails(t.Context(), 1, false); err != nil || d.Progress != nil || d.State != bridge.Loaded {
		t.Errorf("it is %s and tells %+v %v", d.State, d.Progress, err)
	}
}
