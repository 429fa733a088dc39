package rehearsal

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/cmd/orobridge/erp"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

// actWithin bounds each act of a demo: far more than it needs.
const actWithin = time.Minute

// Story is a demo: a shop, an ERP and the bridge between them, and what happens there. Its first fields are set once, before any
// method is called.
type Story struct {
	Pen   *show.Pen
	Desk  *operate.Desk
	Shop  *orotest.Shop
	ERP   *erp.ERP
	Files []erp.File
	// OroIDs tells the shop's ids of keys, as the ledger has them; Requests counts what the shop was asked so far.
	OroIDs   func(ctx context.Context, entity string, keys []string) (map[string]string, error)
	Requests func() int64
	Ended    chan error // the bridge's end, which is none before the story's

	runs   []operate.Run
	orders []operate.Order
}

// Tell narrates; JSON has no room for that.
func (s *Story) Tell(format string, args ...any) {
	if !s.Pen.AsJSON {
		fmt.Fprintf(s.Pen.Stdout, format+"\n", args...)
	}
}

// Run tells the whole story.
func (s *Story) Run(ctx context.Context) error {
	s.Tell("\n1. The ERP drops its files, slowly, under temporary names.")
	if err := s.dropAll(ctx, "monday"); err != nil {
		return err
	}
	if err := s.showRejects(ctx); err != nil {
		return err
	}
	s.Tell("\n2. A customer submits an order in the shop.")
	if err := s.order(ctx); err != nil {
		return err
	}
	s.Tell("\n3. The ERP drops the same files again, under other names.")
	s.Shop.JournalReset()
	if err := s.dropAll(ctx, "tuesday"); err != nil {
		return err
	}
	writes := 0
	for _, r := range s.Shop.Journal() {
		if r.Method != "GET" && !strings.Contains(r.Path, "oauth2-token") {
			writes++
		}
	}
	s.Tell("   Requests that wrote something to the shop: %d.", writes)
	return s.sum()
}

// dropAll drops every file and waits until the bridge has settled all of them.
func (s *Story) dropAll(ctx context.Context, round string) error {
	for _, f := range s.Files {
		if err := s.ERP.Drop(ctx, f, fmt.Sprintf(f.Name, round)); err != nil {
			return err
		}
	}
	for _, f := range s.Files {
		run, err := s.settled(ctx, f.Feed, fmt.Sprintf(f.Name, round))
		if err != nil {
			return err
		}
		s.runs = append(s.runs, run)
	}
	return nil
}

// settled waits until a file has come to its end in the archive, and returns its first run.
func (s *Story) settled(ctx context.Context, feed, name string) (run operate.Run, err error) {
	err = s.until(ctx, name+" is settled", func() (bool, error) {
		drops, err := s.Desk.Drops(ctx, bridge.DropFilter{Feed: feed, Last: 1})
		if err != nil || len(drops) == 0 || drops[0].File != name || !drops[0].Moved {
			return false, err
		}
		v, err := s.Desk.DropDetails(ctx, drops[0].Drop, false)
		if err != nil {
			return false, err
		}
		if run = v.Run; len(v.Runs) > 0 {
			run = v.Runs[0]
		}
		return true, nil
	})
	return run, err
}

// until looks again and again until something is so.
func (s *Story) until(ctx context.Context, what string, is func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, actWithin)
	defer cancel()
	for {
		ok, err := is()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, ctx.Err())
		case err := <-s.Ended:
			s.Ended <- err
			return fmt.Errorf("the bridge stopped: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Story) showRejects(ctx context.Context) error {
	if s.Pen.AsJSON {
		return nil
	}
	s.Tell("   All files are settled. Rows that could not be loaded, and why (`orobridge rejects`):")
	rejects, err := s.Desk.Rejects(ctx, bridge.RejectFilter{})
	if err != nil {
		return err
	}
	for _, r := range rejects {
		s.Tell("   - drop %d line %d, %s: %s", r.Drop, r.Line, r.Field, r.Message)
	}
	parked, _, err := s.Desk.Parked(ctx, "", 0)
	if err != nil {
		return err
	}
	for _, p := range parked {
		s.Tell("   - drop %d line %d is parked: it waits for %s", p.Drop, p.Line, p.WaitsFor)
	}
	return nil
}

// order submits an order and follows it to the ERP.
func (s *Story) order(ctx context.Context) error {
	ids, err := s.OroIDs(ctx, "customers", []string{"C00001"})
	if err != nil {
		return err
	}
	address := &orotest.Address{FirstName: "Amanda", LastName: "Cole", Street: "2 Main Street", City: "Rochester",
		PostalCode: "14608", Country: "US", Region: "US-NY"}
	_, err = s.Shop.SubmitOrder(orotest.Order{Identifier: "DEMO-1", PONumber: "PO 4711", Notes: "Please ring twice", Currency: "EUR",
		Customer: ids["C00001"], Billing: address, Shipping: address,
		Lines: []orotest.Line{{SKU: "M000001", Quantity: "5", Price: "2.01"}, {SKU: "M000002", Unit: "set", Quantity: "1", Price: "27.50"}}})
	if err != nil {
		return err
	}
	var owed operate.Order
	reached := func(state bridge.OwedState) error {
		return s.until(ctx, "the order is "+string(state), func() (bool, error) {
			list, err := s.Desk.Orders(ctx, bridge.OutboxFilter{Order: "DEMO-1"})
			if err != nil || len(list) == 0 || list[0].State != state {
				return false, err
			}
			owed = list[0]
			return true, nil
		})
	}
	if err := reached(bridge.Written); err != nil {
		return err
	}
	s.Tell("   Its file stands on the server: %s", owed.File)
	body, err := s.ERP.PickUp(path.Join("/in/orders", owed.File))
	if err != nil {
		return err
	}
	s.Tell("   %s", strings.ReplaceAll(strings.TrimSpace(string(body)), "\n", "\n   "))
	if err := reached(bridge.PickedUp); err != nil {
		return err
	}
	s.Tell("   The ERP took it, and the bridge saw that.")
	s.orders = append(s.orders, owed)
	return nil
}

// sum prints what happened.
func (s *Story) sum() error {
	if s.Pen.AsJSON {
		return s.Pen.PrintJSON(struct {
			Runs     []operate.Run   `json:"runs"`
			Orders   []operate.Order `json:"orders"`
			Requests int64           `json:"requests"`
		}{s.runs, s.orders, s.Requests()})
	}
	s.Tell("\nWhat happened:")
	var rows [][]string
	for _, r := range s.runs {
		row := []string{r.File, string(r.State)}
		for _, n := range []int64{r.Rows, r.Created, r.Updated, r.Unchanged, r.Rejected, r.Parked, r.Requests} {
			row = append(row, show.Decimal(n))
		}
		rows = append(rows, append(row, fmt.Sprintf("%.2f s", r.Seconds)))
	}
	heading := []string{"FILE", "STATE", "ROWS", "CREATED", "UPDATED", "UNCHANGED", "REJECTED", "PARKED", "REQUESTS", "TIME"}
	if err := s.Pen.Table(heading, rows, ""); err != nil {
		return err
	}
	o := s.orders[0]
	s.Tell("\nOrder %s went out as %s (sha256 %s…) and is %s.", o.Order, o.File, o.SHA256[:12], o.State)
	s.Tell("%d requests to the shop in all. To do this with your own server and shop: `orobridge init`, then `orobridge check`.",
		s.Requests())
	return nil
}
