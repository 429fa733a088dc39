package page

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"unicode/utf8"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/formats"
)

// orderPages show orders.
type orderPages struct{ *Server }

// orderList is a page of orders, the newest first.
type orderList struct {
	Orders  []operate.Order
	Exports []string
	States  []bridge.OwedState
	Export  string
	State   string
	Word    string
	Alarms  bool
	Pager   pager
}

// owedStates are the states of orders in the order of their journey.
var owedStates = []bridge.OwedState{bridge.Collected, bridge.OwedNow, bridge.Written, bridge.PickedUp, bridge.Answered,
	bridge.Conflict, bridge.Stuck, bridge.Unknown}

func (s orderPages) showOrders(c *call) (view, error) {
	q := choice(c.r, "export", "state", "word", "alarms", "before")
	v := &orderList{Export: q.Get("export"), State: q.Get("state"), Word: q.Get("word"), Alarms: q.Has("alarms"), States: owedStates}
	for _, x := range c.desk.Exports {
		v.Exports = append(v.Exports, x.Name)
	}
	f := bridge.OutboxFilter{Export: v.Export, Order: v.Word, Alarmed: v.Alarms, Last: pageRows + 1}
	if v.State != "" {
		f.States = []bridge.OwedState{bridge.OwedState(v.State)}
	}
	f.Before, _ = strconv.ParseInt(q.Get("before"), 10, 64) // what is none begins at the newest
	var err error
	if v.Orders, err = c.desk.Orders(c.r.Context(), f); err != nil {
		return view{}, err
	}
	more := len(v.Orders) > pageRows
	if more {
		v.Orders = v.Orders[1:]
	}
	if len(v.Orders) > 0 {
		v.Pager = pagesOf(q, more, v.Orders[0].ID)
	}
	return view{Title: c.T("Orders"), Live: f.Before == 0, Body: v}, nil
}

// shownContent is how much of an order's file is shown, in bytes; all of it can be had as a file.
const shownContent = 64 << 10

// oneOrder is an order with the files that hold it.
type oneOrder struct {
	operate.OrderDetails
	Files   []orderFile // empty for who may not see them
	Unknown bool        // nobody knows whether one of them went out
}

// orderFile is one version of an order in its file.
type orderFile struct {
	operate.Order
	Content string // as it is, or empty when it is no text
	Cut     bool
	Path    string // where the whole file can be had
}

func (s orderPages) showOrder(c *call) error {
	all, err := c.desk.OrderDetails(c.r.Context(), c.r.PathValue("id"))
	if err != nil {
		return err
	}
	list := make([]oneOrder, len(all))
	for i, d := range all {
		v := &list[i]
		v.OrderDetails = d
		for _, o := range d.Versions {
			f := orderFile{Order: o}
			if c.mayAll() && o.Number != 0 {
				body, err := c.desk.Ledger.Body(c.r.Context(), o.Export, o.Number)
				if err != nil && !errors.Is(err, bridge.ErrUnknown) {
					return err
				}
				f.show(body)
			}
			v.Files, v.Unknown = append(v.Files, f), v.Unknown || o.State == bridge.Unknown
		}
		if !c.mayAll() { // what the ERP says of an order may name people
			for j := range v.History {
				v.History[j].Sent, v.History[j].Detail = nil, ""
			}
			continue
		}
		if err := c.desk.Saw(c.r.Context(), bridge.Event{Order: d.Order, Text: "its files"}); err != nil {
			return err
		}
	}
	s.show(c, http.StatusOK, "order", view{Title: c.T("Order") + " " + formats.Printable(c.r.PathValue("id")), Live: true, Body: list})
	return nil
}

func (f *orderFile) show(body []byte) {
	f.Path = "/orders/" + url.PathEscape(f.Order.Order) + "/file?" +
		url.Values{"export": {f.Export}, "number": {strconv.FormatInt(f.Number, 10)}}.Encode()
	if !utf8.Valid(body) {
		return
	}
	if f.Cut = len(body) > shownContent; f.Cut {
		body = body[:shownContent]
	}
	f.Content = printableLines(string(body))
}

// orderFile hands out the exact bytes of an order's file.
func (s orderPages) orderFile(c *call) error {
	n, err := number(c.r.FormValue("number"), "file")
	if err != nil {
		return err
	}
	export, id := c.r.FormValue("export"), c.r.PathValue("id")
	owed, err := c.desk.Orders(c.r.Context(), bridge.OutboxFilter{Export: export, Identifier: id, Number: n})
	if err != nil {
		return err
	}
	if len(owed) == 0 {
		return &bridge.Error{Op: "find", Object: "file " + formats.Printable(c.r.FormValue("number")), Err: bridge.ErrUnknown,
			Hint: "see the order's page"}
	}
	body, err := c.desk.Ledger.Body(c.r.Context(), export, n)
	if err != nil {
		return err
	}
	if err := c.desk.Saw(c.r.Context(), bridge.Event{Order: id, Export: export, File: owed[0].File, Text: "the file"}); err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "application/octet-stream")
	c.w.Header().Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(formats.Printable(owed[0].File)))
	_, _ = c.w.Write(body) // the reader has gone
	return nil
}
