// Package operate is what an operator sees and decides. The verbs print it today; a page and an API are to print the
// same.
//
// Contract. What is seen are read models: plain values made of the ledger alone, whose JSON is what `--json` prints; its
// names are a contract, so add to them and change none. What is decided goes through a [Desk], which finds the drop or
// order that is meant, says who decided, and knows one thing about the world around it: whether a bridge is at work on the
// ledger already. Beside such a bridge a decision is a change of the ledger and nothing more; with none the desk carries
// it out and waits for the end. What a decision means for a drop or an order is not decided here: the rules are those of
// bridge/inbound and bridge/outbound.
//
//   - drops.go, rejects.go, orders.go, status.go, trace.go, events.go: what a [View] of the ledger shows
//   - audit.go: who decided and looked; tokens.go: which programs may
//   - figures.go, search.go: what went through day by day, and what a word names
//   - plan.go, inspect.go: what a file would do, and what it holds
//   - decide.go, handin.go, undo.go, reconcile.go, resend.go, pause.go: decisions about drops, orders and pauses; wait.go: until another
//     bridge has carried them out
//   - shops.go, parts.go: of which shops one sees something
//
// Nothing here prints, parses a command line or opens an end; texts of models are as they came from outside, and whoever
// shows them makes them harmless for where they are shown.
package operate

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/bridge/outbound"
)

// A Ledger is what an operator can look up. Lists are oldest first, and what is asked for by its id and not there is an
// error wrapping [bridge.ErrUnknown].
type Ledger interface {
	// Bridges lists the bridges that share the work, JobCounts counts the jobs that they share; Drain has one hand its work over, or
	// take work again.
	Bridges(ctx context.Context) ([]*bridge.Member, error)
	JobCounts(ctx context.Context) ([]bridge.JobCount, error)
	Drain(ctx context.Context, id string, drained bool, events ...*bridge.Event) error
	Drop(ctx context.Context, id int64) (*bridge.Drop, error)
	Drops(ctx context.Context, f bridge.DropFilter) ([]*bridge.Drop, error)
	Runs(ctx context.Context, drop int64) ([]*bridge.Run, error)
	// DropOf tells the drop of a run.
	DropOf(ctx context.Context, run int64) (int64, error)
	// Papers lists what was written of a drop for its sender, by path.
	Papers(ctx context.Context, drop int64) ([]string, error)
	// Judged counts the fates that a run has given, and the changes in its batches whose outcome is not known.
	Judged(ctx context.Context, run int64) (fates, open int64, err error)
	// Changes walks what the runs of a drop, or (run 0: all) one of them, have done to keys.
	Changes(ctx context.Context, drop, run int64, each func(bridge.HistoryEntry) error) error
	// RowLines walks the fates that a drop's runs have given to rows; rows that needed nothing have none.
	RowLines(ctx context.Context, drop int64, each func(bridge.RowLine) error) error
	Rejects(ctx context.Context, f bridge.RejectFilter, each func(bridge.RejectRow) error) error
	// OpenRejects counts the rejects that are open, by feed; feeds without any are left out.
	OpenRejects(ctx context.Context) (map[string]int64, error)
	// Warnings walks the warnings of a drop, by run and in the order of its file.
	Warnings(ctx context.Context, drop int64, each func(bridge.WarningRow) error) error
	// Parked walks the records of a feed ("": of all) that wait for a parent; with the zero time, whether due or not.
	Parked(ctx context.Context, feed string, waitedSince time.Time, each func(bridge.ParkedRow) error) error
	// ParkedAs finds the record of a key that waits for its parent; nil when none does.
	ParkedAs(ctx context.Context, entity, key string) (*bridge.ParkedRow, error)
	CountParked(ctx context.Context, entity string) (int64, error)
	// Links reads the full links of some keys; what is unknown is left out.
	Links(ctx context.Context, entity string, keys []string) (map[string]*bridge.Link, error)
	// KeysOf lists up to n keys of which a word is the whole, the first part, or the part behind the name of a price list, by entity
	// and key.
	KeysOf(ctx context.Context, word string, n int) ([]bridge.EntityKey, error)
	History(ctx context.Context, entity, key string) ([]bridge.HistoryEntry, error)
	Outbox(ctx context.Context, f bridge.OutboxFilter) ([]*bridge.Owed, error)
	// OutboxCounts counts the orders of an export by where they stand. Body reads the exact bytes of an outbound file;
	// ErrUnknown when there is none.
	OutboxCounts(ctx context.Context, export string) (bridge.OutboxCounts, error)
	Body(ctx context.Context, export string, number int64) ([]byte, error)
	// Tallies walks what the runs did that began at a time or later, by day and feed; Arrivals the drops that were loaded, and
	// Departures the orders whose file was written since then.
	Tallies(ctx context.Context, since time.Time, each func(bridge.Tally) error) error
	Arrivals(ctx context.Context, since time.Time, each func(bridge.Passage) error) error
	Departures(ctx context.Context, since time.Time, each func(bridge.Passage) error) error
	// DropCounts counts the drops by feed and state.
	DropCounts(ctx context.Context) ([]bridge.DropCount, error)
	Notes(ctx context.Context) (map[string]string, error)
	// LiveAlarms lists alarms, Messages what routes were owed for them. DecideAlarm saves that somebody has acknowledged or snoozed
	// one; ErrMoved when it is over.
	LiveAlarms(ctx context.Context, f bridge.AlarmFilter) ([]*bridge.LiveAlarm, error)
	Messages(ctx context.Context, f bridge.MessageFilter) ([]*bridge.Message, error)
	DecideAlarm(ctx context.Context, a *bridge.LiveAlarm, events ...*bridge.Event) error
	// CameSince lists when the drops of a feed came that were seen since a time: the last n, oldest first.
	CameSince(ctx context.Context, feed string, since time.Time, n int) ([]time.Time, error)
	// Pseudonym is the word by which what stays refers to a customer's number. Erase removes what is held of a key
	// as a record, with what runs of the feeds have warned of; orders and the journal stay. GiveBack returns free room to the disk,
	// and the room of the log. Naming lists the keys of an entity whose link, or whose record that is parked, has a text in a field,
	// sorted.
	Pseudonym(number string) string
	Naming(ctx context.Context, entity, field, text string) ([]string, error)
	Erase(ctx context.Context, entity, key string, feeds []string, events ...*bridge.Event) (bridge.Forgotten, error)
	GiveBack(ctx context.Context) (more bool, err error)
	// Audit walks the audit; AuditEnd is the highest number that an entry ever had.
	Audit(ctx context.Context, f bridge.AuditFilter, each func(*bridge.AuditEntry) error) error
	AuditEnd(ctx context.Context) (int64, error)
	TokenLedger
	// Keep enters events in the journal, and in the audit what belongs there.
	Keep(ctx context.Context, events ...*bridge.Event) error
	// Events walks the journal.
	Events(ctx context.Context, f bridge.EventFilter, each func(*bridge.Event) error) error
}

// View is what the ledger shows. It needs no engine, and changes nothing.
type View struct {
	Feeds   []*config.Feed
	Exports []*config.Export
	Ledger  Ledger
	// Running says that a bridge is at work on the ledger: it carries out what is decided beside it.
	Running bool
	// By is who looks or decides, and why, for the ledger. A page copies its desk for each decision.
	By bridge.Decision
	// Clock tells when somebody looks; nil: the machine's.
	Clock bridge.Clock
	// Shadow says that the ledger is that of a shadow, which writes nothing.
	Shadow bool
	// Of is the ledger with the keys of one of several shops; nil where it has one.
	Of func(shop string) Ledger
	Sight
}

// Desk is where an operator sits: it shows what the ledger knows, and takes decisions. Its fields are set once, before any
// method is called.
type Desk struct {
	View
	// In and Out are the engines of the shop, or of the first of several: clock, spool and events are the same for all. Each are those
	// of all shops; nil of one.
	In   *inbound.Engine
	Out  *outbound.Engine
	Each []Engines
	// Wait has a decision beside a running bridge followed until that one has carried it out. Alive says whether it still is
	// there; nil: it is.
	Wait  bool
	Alive func() bool
}

// Mistake is a question or decision that makes no sense, such as one about a feed that the config does not have. Whoever
// asked can mend it; nothing was done.
type Mistake struct {
	Message string
	Hint    string // what to ask for instead
}

func (m *Mistake) Error() string { return m.Message }

// FeedOf finds a feed by its name, or by that of a feed of several shops whose only branch is among them; the error is a [Mistake].
func FeedOf(feeds []*config.Feed, name string) (*config.Feed, error) {
	var names, branches []string
	var branch *config.Feed
	for _, f := range feeds {
		switch {
		case f.Name == name:
			return f, nil
		case bridge.FrontOf(f.Name) == name:
			branch, branches = f, append(branches, f.Name)
		}
		names = append(names, f.Name)
	}
	switch len(branches) {
	case 0:
		return nil, &Mistake{fmt.Sprintf("the config has no feed %q", name), "feeds are: " + strings.Join(names, ", ")}
	case 1:
		return branch, nil
	}
	return nil, &Mistake{fmt.Sprintf("feed %s is of several shops", name), "name one of " + strings.Join(branches, ", ")}
}

// knownFeed finds the name of a feed in the config, or else in the ledger; "" stands for all. The error is a [Mistake].
func (k *View) knownFeed(ctx context.Context, name string) (string, error) {
	f, mistake := FeedOf(k.Feeds, name)
	switch {
	case name == "":
		return "", nil
	case mistake == nil:
		return f.Name, nil
	}
	drops, err := k.Ledger.Drops(ctx, bridge.DropFilter{Feed: name, Feeds: k.feeds(), Last: 1})
	if err != nil || len(drops) > 0 {
		return name, err
	}
	return name, mistake
}

// ExportOf finds an export by its name; the error is a [Mistake].
func (k *View) ExportOf(name string) (*config.Export, error) {
	var names []string
	for _, x := range k.Exports {
		if x.Name == name {
			return x, nil
		}
		names = append(names, x.Name)
	}
	return nil, &Mistake{fmt.Sprintf("the config has no export %q", name), "exports are: " + strings.Join(names, ", ")}
}

// knownExport is knownFeed for exports.
func (k *View) knownExport(ctx context.Context, name string) error {
	_, mistake := k.ExportOf(name)
	if name == "" || mistake == nil {
		return nil
	}
	owed, err := k.Ledger.Outbox(ctx, bridge.OutboxFilter{Export: name, Exports: k.exports(), Last: 1})
	if err != nil || len(owed) > 0 {
		return err
	}
	return mistake
}

// moment is a time as the models have it: UTC, to the millisecond as the ledger keeps it, nil for none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Millisecond)
	return &t
}
