package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

// maxAnswered is the most orders that the files of answers have submitted.
const maxAnswered = 200

// isOf says that a feed or export that names some shops, or none, is of one.
func isOf(shop string, names ...string) bool {
	return len(names) == 0 || names[0] == "" || slices.Contains(names, shop)
}

// orders submits an order to a shop for each of its exports, and those that the files of answers name, and takes their files away.
func (p *Play) orders(ctx context.Context, shop string) error {
	named, err := p.named(ctx, shop)
	if err != nil {
		return err
	}
	box := p.Stage.boxes[shop]
	exports := slices.DeleteFunc(slices.Clone(p.Desk.Exports), func(x *config.Export) bool { return !isOf(shop, x.Shop) })
	if len(exports)+len(named) == 0 {
		return nil
	}
	customer, sku := box.Newest("customers", "id"), box.Newest("products", "sku")
	if customer == "" || sku == "" {
		where := "orders"
		if len(exports) > 0 {
			where = exports[0].Name
		}
		p.wrong(where, "no_order", 0, "there is no customer or no product to order: load some, or rehearse with --seed sample")
		return nil
	}
	submit := func(identifier string, x *config.Export) error {
		err := submitTo(box, identifier, customer, sku, x)
		if errors.Is(err, orotest.ErrTaken) { // the sample shop has one of that name
			return nil
		}
		return err
	}
	for _, identifier := range named {
		if err := submit(identifier, &config.Export{}); err != nil {
			return err
		}
	}
	for _, x := range exports {
		if err := submit("REHEARSAL-"+x.Name, x); err != nil {
			return err
		}
	}
	for _, x := range exports {
		for _, identifier := range append([]string{"REHEARSAL-" + x.Name}, named...) {
			if err := p.export(ctx, shop, x, identifier); err != nil {
				return err
			}
		}
	}
	return nil
}

// named are the orders that the files of answers to a shop's are about, each once.
func (p *Play) named(ctx context.Context, shop string) (identifiers []string, err error) {
	for _, f := range p.Desk.Feeds {
		if !f.Entity.Answers || f.Front != "" || !isOf(shop, f.Shop...) {
			continue
		}
		files, err := p.files(f)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if _, _, ok := f.Match.Match(path.Base(file)); !ok {
				continue
			}
			v, err := operate.Look(file)
			if err != nil {
				return nil, err
			}
			if err := v.Read(ctx, f, maxAnswered); err != nil {
				return nil, err // what is wrong with the file is told when it is dropped
			}
			for _, r := range v.Records {
				if id := r.Fields["order"]; id != "" && !slices.Contains(identifiers, id) && len(identifiers) < maxAnswered {
					identifiers = append(identifiers, id)
				}
			}
		}
	}
	return identifiers, nil
}

// submitTo makes an order in a shop as a customer does, one that an export is after if it is after a status or currency.
func submitTo(box *orotest.Shop, identifier, customer, sku string, x *config.Export) error {
	first := func(l []string) string { return append(slices.Clone(l), "")[0] }
	address := &orotest.Address{FirstName: "Amanda", LastName: "Cole", Street: "2 Main Street", City: "Rochester",
		PostalCode: "14608", Country: "US", Region: "US-NY"}
	status := first(x.Only.InternalStatus)
	if slices.Contains(x.Only.InternalStatus, "open") {
		status = "open"
	}
	_, err := box.SubmitOrder(orotest.Order{Identifier: identifier, PONumber: "PO 1", Customer: customer, Status: status,
		Currency: first(x.Only.Currency), Billing: address, Shipping: address, Lines: []orotest.Line{{SKU: sku, Quantity: "1", Price: "9.99"}}})
	return err
}

// export waits until an order's file is written, and takes it away as the ERP would; or says what keeps it back.
func (p *Play) export(ctx context.Context, shop string, x *config.Export, identifier string) error {
	made := identifier == "REHEARSAL-"+x.Name
	if since, err := time.Parse(time.RFC3339, x.Since); err == nil && since.After(time.Now()) {
		if made {
			p.wrong(x.Name, "not_written", 1, "no order is written that was submitted before since, %s", x.Since)
		}
		return nil
	}
	order, err := p.Order(ctx, shop, identifier)
	if err != nil {
		return err
	}
	if against, err := x.Only.Against(order); err == nil && against != "" {
		if made {
			p.wrong(x.Name, "not_written", 1, "order %s is not for this export: %s", identifier, against)
		}
		return nil
	}
	o := operate.Order{Export: x.Name, Order: identifier}
	err = p.until(ctx, func() (bool, error) {
		err := p.look(ctx, &o)
		return o.State != "" && o.State != bridge.Collected && o.State != bridge.OwedNow, err
	})
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	p.Orders = append(p.Orders, o)
	switch {
	case o.State == bridge.Stuck || o.State == bridge.Conflict:
		p.again(x.Name, string(o.State), o.Reason)
		return nil
	case o.State != bridge.Written:
		p.again(x.Name, "not_written", fmt.Sprintf("order %s was not written within %s%s", identifier, p.Wait, behindColon(o.Reason)))
		return nil
	case o.Alarm != "":
		p.again(x.Name, string(o.Alarm), "order "+identifier+behindColon(o.Reason))
	}
	return p.take(ctx, x, &o)
}

// again notes what is wrong with an order, or counts it if another one of the export has it already.
func (p *Play) again(export, code, message string) {
	for i := range p.Trouble {
		if t := &p.Trouble[i]; t.Where == export && t.Code == code {
			t.Count++
			return
		}
	}
	p.wrong(export, code, 1, "%s", message)
}

// take takes an order's file away, and waits until that is noticed.
func (p *Play) take(ctx context.Context, x *config.Export, o *operate.Order) error {
	file := path.Join(x.Folder, o.File)
	partner, at, err := p.Stage.taker(x.Remote, file)
	if err != nil {
		return err
	}
	if partner == nil {
		p.again(x.Name, "rights", fmt.Sprintf("no user of remote %s may both read and delete %s: nobody can pick it up", x.Remote, file))
		return nil
	}
	if _, err := partner.PickUp(at); err != nil {
		p.again(x.Name, "pickup", fmt.Sprintf("%s could not be picked up: %v", o.File, err))
		return nil
	}
	err = p.until(ctx, func() (bool, error) {
		err := p.look(ctx, o)
		return o.PickedUp != nil, err
	})
	if errors.Is(err, context.DeadlineExceeded) {
		p.again(x.Name, "pickup", fmt.Sprintf("%s is gone, and the bridge has not noticed it within %s", o.File, p.Wait))
		return nil
	}
	return err
}

// look brings what is known of an order up to date.
func (p *Play) look(ctx context.Context, o *operate.Order) error {
	list, err := p.Desk.Orders(ctx, bridge.OutboxFilter{Export: o.Export, Order: o.Order})
	if err == nil && len(list) > 0 {
		*o = list[len(list)-1]
	}
	return err
}
