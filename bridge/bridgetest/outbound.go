package bridgetest

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

// AnExport is a config with one export, and room for more of its keys.
const AnExport = `
exports:
  - { name: orders, entity: orders, remote: disk, folder: orders,
      file: 'ORD_{submitted}_{number}_{identifier}.csv', format: { kind: csv }, since: '2026-11-21'%s }
`

// Exporting is a world with one export and some more keys of it: ", marker: .ok".
func Exporting(t testing.TB, more string) *World {
	t.Helper()
	return NewWorld(t, fmt.Sprintf(AnExport, more), orotest.Seed(orotest.Sample))
}

// Export is the first export.
func (w *World) Export() *config.Export { return w.B.Out.Exports[0] }

// Submit makes an order a second after the last one.
func (w *World) Submit(identifier string) string {
	w.T.Helper()
	w.Tick(time.Second)
	id, err := w.Shop.SubmitOrder(orotest.Order{Identifier: identifier, Customer: "1",
		Lines: []orotest.Line{{SKU: "0RT28", Quantity: "2", Price: "9.95"}}})
	if err != nil {
		w.T.Fatal(err)
	}
	if w.orders == nil {
		w.orders = map[string]string{}
	}
	w.orders[identifier] = id
	return id
}

// OrderID is the shop's id of an order that was submitted.
func (w *World) OrderID(identifier string) string { return w.orders[identifier] }

// Out makes a round of the export and returns what the round said.
func (w *World) Out() error {
	w.T.Helper()
	_, err := w.B.Out.Export(context.Background(), w.Export())
	return err
}

// MustOut makes a round of the export that must go well.
func (w *World) MustOut() {
	w.T.Helper()
	if err := w.Out(); err != nil {
		w.T.Fatalf("%v\n%s", err, w.Log)
	}
}

// Outbox is a line for each order: identifier, version, number, state, alarm.
func (w *World) Outbox() string {
	w.T.Helper()
	list, err := w.Ledger.Outbox(context.Background(), bridge.OutboxFilter{})
	w.Must(err)
	var lines []string
	for _, o := range list {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s v%d #%d %s %s", o.Order, o.Version, o.Number, o.State, o.Alarm)))
	}
	return strings.Join(lines, "\n")
}

// Want checks what Outbox tells.
func (w *World) Want(outbox string) {
	w.T.Helper()
	if got := w.Outbox(); got != outbox {
		w.T.Errorf("the outbox is\n%s\nwant\n%s\n%s", got, outbox, w.Log)
	}
}

// Alarms are the alarms that are noted, each with its text.
func (w *World) Alarms() []string {
	w.T.Helper()
	notes, err := w.Ledger.Notes(context.Background())
	w.Must(err)
	var all []string
	for name, text := range notes {
		if alarm, ok := bridge.AlarmOf(name); ok {
			all = append(all, alarm+": "+text)
		}
	}
	slices.Sort(all)
	return all
}

// Sounded counts the log lines of an alarm.
func (w *World) Sounded(alarm bridge.Alarm) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(regexp.MustCompile(`msg="alarm raised" export=orders .*alarm=`+string(alarm)+" ").FindAllString(w.Log.String(), -1))
}

// faulty is a remote that fails when a test wants it to.
type faulty struct {
	bridge.Remote
	OnPut  func(path string) error
	OnMove func(from, to string) error // called after the move when it was done
}

func (r *faulty) Put(ctx context.Context, path string, body io.ReadSeeker) error {
	if r.OnPut != nil {
		if err := r.OnPut(path); err != nil {
			return err
		}
	}
	return r.Remote.Put(ctx, path, body)
}

func (r *faulty) Move(ctx context.Context, from, to string) error {
	err := r.Remote.Move(ctx, from, to)
	if r.OnMove != nil && err == nil {
		err = r.OnMove(from, to)
	}
	return err
}

// Spoil puts a remote that fails at will in the place of the folder.
func (w *World) Spoil() *faulty {
	r := &faulty{Remote: w.B.Out.Remotes["disk"]}
	w.Replace(r)
	return r
}

// LastOrder is the identifier of the newest order of the outbox.
func (w *World) LastOrder() string {
	list, err := w.Ledger.Outbox(w.T.Context(), bridge.OutboxFilter{Last: 1})
	w.Must(err)
	return list[0].Order
}
