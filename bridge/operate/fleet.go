package operate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// A Bridge is one of those that share the work on a ledger in PostgreSQL.
type Bridge struct {
	Bridge  string    `json:"bridge"` // its machine and process: "erp-1:4711"
	Version string    `json:"version"`
	Since   time.Time `json:"since"`
	Seen    time.Time `json:"seen"`    // when it last said that it is there
	Doing   []string  `json:"doing"`   // the work that is its own now: "imports", "export orders", "house"
	Drained bool      `json:"drained"` // it hands its work over, and takes none
	// Differs says that its config has other shops or exports than that of the bridge which came last.
	Differs bool `json:"differs"`
}

// JobCount is how many of the jobs that bridges share by River are of a kind and in a state.
type JobCount struct {
	Kind  string `json:"kind"`  // "imports" of a shop, "export" or "house"
	State string `json:"state"` // River's: "running", "available" for a bridge to take, "scheduled" for a second later, "cancelled", …
	Count int    `json:"count"`
}

// shared fills in who shares the work, and what; nothing where one bridge works alone.
func (v *Status) shared(ctx context.Context, l Ledger) (err error) {
	if v.Bridges, err = bridges(ctx, l); err != nil || len(v.Bridges) == 0 {
		return err
	}
	counts, err := l.JobCounts(ctx)
	for _, c := range counts {
		v.Jobs = append(v.Jobs, JobCount(c))
	}
	return err
}

// bridges lists those that share the work; none where one bridge works alone.
func bridges(ctx context.Context, l Ledger) ([]Bridge, error) {
	members, err := l.Bridges(ctx)
	all := []Bridge{}
	for _, m := range members {
		if m.Config != "" { // it has said what it knows: one that works alone never does
			all = append(all, Bridge{m.Name, m.Version, m.Began, m.Seen, m.Doing, m.Drained, m.Config != members[len(members)-1].Config})
		}
	}
	return all, err
}

// JobsSaid is the jobs in words: "export 2 running; imports 1 available, 1 running"; empty where one bridge works alone.
func (v *Status) JobsSaid() string {
	var said strings.Builder
	kind := ""
	for _, j := range v.Jobs {
		switch {
		case j.Kind == kind:
			said.WriteString(", ")
		case kind != "":
			said.WriteString("; " + j.Kind + " ")
		default:
			said.WriteString(j.Kind + " ")
		}
		kind = j.Kind
		fmt.Fprintf(&said, "%d %s", j.Count, j.State)
	}
	return said.String()
}

// A Fleet decides which of several bridges works.
type Fleet struct{ *Desk }

// Drain has a bridge hand its work over, or take work again. It is named as Status names it, or by its machine; without a name it is the
// one on a machine of which the caller says the name.
func (k Fleet) Drain(ctx context.Context, name, here string, drained bool) (*Bridge, error) {
	members, err := k.Ledger.Bridges(ctx)
	if err != nil {
		return nil, err
	}
	wanted := name
	if wanted == "" {
		wanted = here
	}
	found := slices.DeleteFunc(members, func(m *bridge.Member) bool {
		host, _, _ := strings.Cut(m.Name, ":")
		return m.Config == "" || wanted != m.Name && wanted != host
	})
	if len(found) != 1 {
		return nil, &Mistake{fmt.Sprintf("%d bridges that share their work are called %s", len(found), wanted),
			"name one as `orobridge status` does; a bridge that works alone is stopped instead"}
	}
	m := found[0]
	text := "drained"
	if !drained {
		text = "takes work again"
	}
	event := k.By.On(&bridge.Event{At: k.In.Clock.Now(), Kind: bridge.DecisionTaken, Work: "bridge " + m.Name, Text: text})
	if err := k.Ledger.Drain(ctx, m.ID, drained, event); err != nil {
		return nil, err
	}
	return &Bridge{m.Name, m.Version, m.Began, m.Seen, m.Doing, drained, false}, nil
}
