package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/admit"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/formats"
)

// found is an answer that is one document.
type found[T any] struct{ Body T }

// list is an answer that is a page of a list.
type list[T any] struct {
	Link string `header:"Link" doc:"where the list goes on: <address>; rel=\"next\"; missing at its end"`
	Body []T
}

// A Page is the part of a list that is asked for: from a number on, or its end.
type Page struct {
	After int64 `query:"after" minimum:"0" doc:"where the page before ended; the Link header says it"`
	Limit int   `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Last  int   `query:"last" minimum:"0" maximum:"10000" doc:"only the last so many, instead of a page"`

	asked url.Values // all parameters of the request
}

// Resolve implements huma.Resolver: it keeps what was asked, for the address of the next page.
func (p *Page) Resolve(c huma.Context) []error {
	u := c.URL()
	p.asked = u.Query()
	return nil
}

// first is how many of a list are read from its number on; 0 when its end was asked for.
func (p *Page) first() int {
	if p.Last > 0 {
		return 0
	}
	return p.Limit
}

// next is the Link header of n things of which the last has a number: what was asked, from there on. At the list's end there is none.
func (p *Page) next(n int, last int64) string {
	if n < p.Limit || p.Last > 0 {
		return ""
	}
	p.asked.Set("after", strconv.FormatInt(last, 10))
	return fmt.Sprintf(`<?%s>; rel="next"`, p.asked.Encode())
}

// look registers a question to which everybody with a role gets an answer.
func look[I, O any](s *server, a huma.API, role admit.Role, path, id, summary string, answer func(context.Context, *I) (*O, error)) {
	huma.Register(a, s.operation(http.MethodGet, path, id, summary, role), func(ctx context.Context, in *I) (*O, error) {
		out, err := answer(ctx, in)
		if err != nil {
			return nil, s.problemOf(err)
		}
		return out, nil
	})
}

// looks registers what is seen.
func (s *server) looks(a huma.API) {
	look(s, a, admit.Viewer, "/status", "status", "How every feed and export stands", s.status)
	look(s, a, admit.Viewer, "/drops", "drops", "Drops", s.drops)
	look(s, a, admit.Viewer, "/drops/{drop}", "drop", "One drop: its runs, who decided what, its rows", s.drop)
	look(s, a, admit.Viewer, "/drops/{drop}/plan", "plan", "What loading a drop would do", s.plan)
	look(s, a, admit.Viewer, "/rejects", "rejects", "Rows that could not be loaded", s.rejects)
	look(s, a, admit.Viewer, "/causes", "causes", "Rejects by their cause, the most frequent first", s.causes)
	look(s, a, admit.Viewer, "/parked", "parked", "Rows that wait for a parent", s.parked)
	look(s, a, admit.Viewer, "/orders", "orders", "Orders in the outbox", s.orders)
	look(s, a, admit.Viewer, "/orders/{order}", "order", "The orders that an identifier or a file's number names", s.order)
	look(s, a, admit.Operator, "/orders/{order}/files/{export}", "preview", "The file in which an order would go out", s.preview)
	look(s, a, admit.Viewer, "/trace", "trace", "What set a key, and its history", s.trace)
	look(s, a, admit.Viewer, "/events", "events", "What happened, from the journal", s.events)
	look(s, a, admit.Viewer, "/alarms", "alarms", "What a person has to look at, who was told, and who has taken note", s.alarms)
	look(s, a, admit.Viewer, "/alarms/{alarm}", "alarm", "One alarm", s.alarm)
	look(s, a, admit.Viewer, "/transfers", "transfers", "What partners did at the bridge's own server", s.transfers)
}

// desk is the desk as a caller may use it: for the shops that it may see.
func (s *server) desk(ctx context.Context) *operate.Desk {
	desk := *s.Desk
	desk.View = desk.SeenBy(admit.CallerOf(ctx).Shops)
	return &desk
}

// seen is the view of a caller: what is a person's is shown only once the audit says to whom.
func (s *server) seen(ctx context.Context) *operate.View {
	v := s.desk(ctx).View
	v.By = admit.CallerOf(ctx).Decision("")
	return &v
}

func (s *server) status(ctx context.Context, _ *struct{}) (*found[*operate.Status], error) {
	v, err := s.desk(ctx).Status(ctx)
	return &found[*operate.Status]{v}, err
}

type askDrops struct {
	Page
	Feed  string             `query:"feed"`
	State []bridge.DropState `query:"state" doc:"one of these states; of all without"`
	Word  string             `query:"word" doc:"a part of the file's name"`
	From  time.Time          `query:"from" doc:"seen at or after"`
	To    time.Time          `query:"to" doc:"seen before"`
}

func (s *server) drops(ctx context.Context, in *askDrops) (*list[operate.Drop], error) {
	all, err := s.desk(ctx).Drops(ctx, bridge.DropFilter{Feed: in.Feed, States: in.State, Word: in.Word, From: in.From, To: in.To,
		After: in.After, First: in.first(), Last: in.Last})
	if err != nil {
		return nil, err
	}
	out := &list[operate.Drop]{Body: all}
	if n := len(all); n > 0 {
		out.Link = in.next(n, all[n-1].Drop)
	}
	return out, nil
}

// OneDrop names a drop in a path.
type OneDrop struct {
	Drop int64 `path:"drop" minimum:"1"`
}

type askDrop struct {
	OneDrop
	Rows bool `query:"rows" doc:"with what became of single rows"`
}

func (s *server) drop(ctx context.Context, in *askDrop) (*found[*operate.DropDetails], error) {
	v, err := s.desk(ctx).DropDetails(ctx, in.Drop, in.Rows)
	if err == nil && in.Rows {
		err = s.ofPersons(ctx, in.Drop, v.Details.Feed)
	}
	return &found[*operate.DropDetails]{v}, err
}

type askPlan struct {
	OneDrop
	Live bool `query:"live" doc:"compare with the shop as it is now"`
}

func (s *server) plan(ctx context.Context, in *askPlan) (*found[*operate.Plan], error) {
	v, err := s.desk(ctx).DropDetails(ctx, in.Drop, false)
	if err != nil {
		return nil, err
	}
	if err := s.ofPersons(ctx, in.Drop, v.Details.Feed); err != nil {
		return nil, err
	}
	p, err := s.desk(ctx).PlanDrop(ctx, in.Drop, operate.PlanOptions{Live: in.Live, Weigh: true})
	return &found[*operate.Plan]{p}, err
}

// ofPersons refuses the rows of a drop that are about persons to those who may not see them, and enters in the audit who may.
func (s *server) ofPersons(ctx context.Context, drop int64, feed string) error {
	looks := operate.Looks{View: s.seen(ctx)}
	if !looks.OfPersons(feed) || admit.CallerOf(ctx).May(admit.Operator) {
		return looks.Rows(ctx, drop, feed, "rows")
	}
	return problem(http.StatusForbidden, "its rows are about persons: this needs the role operator", "")
}

type askRejects struct {
	Page
	Drop int64  `query:"drop" minimum:"0"`
	Feed string `query:"feed"`
	All  bool   `query:"all" doc:"also those that have come to an end"`
}

func (s *server) rejects(ctx context.Context, in *askRejects) (*list[operate.KeptReject], error) {
	all, err := s.desk(ctx).Rejects(ctx, bridge.RejectFilter{Drop: in.Drop, Feed: in.Feed, Open: !in.All, After: in.After,
		First: in.first(),
		Last:  in.Last})
	if err != nil {
		return nil, err
	}
	out := &list[operate.KeptReject]{Body: all}
	var last int64
	for i := range all {
		last = max(last, all[i].ID)
	}
	if err := s.coverRejects(ctx, all); err != nil {
		return nil, err
	}
	out.Link = in.next(len(all), last)
	return out, nil
}

// coverRejects takes what is about persons out of rejects for those who may not see it, and enters in the audit who may.
func (s *server) coverRejects(ctx context.Context, all []operate.KeptReject) error {
	if admit.CallerOf(ctx).May(admit.Operator) {
		return operate.Looks{View: s.seen(ctx)}.Rejects(ctx, all)
	}
	for i := range all {
		if formats.OfPersons(all[i].Entity) {
			all[i].Key, all[i].Message, all[i].Row = "", "", map[string]string{}
		}
	}
	return nil
}

type askCauses struct {
	Drop int64  `query:"drop" minimum:"0"`
	Feed string `query:"feed"`
	All  bool   `query:"all" doc:"also of those that have come to an end"`
}

func (s *server) causes(ctx context.Context, in *askCauses) (*list[operate.Cause], error) {
	all, err := s.desk(ctx).Causes(ctx, bridge.RejectFilter{Drop: in.Drop, Feed: in.Feed, Open: !in.All})
	if err != nil {
		return nil, err
	}
	for i := range all {
		example := []operate.KeptReject{all[i].Example}
		if err := s.coverRejects(ctx, example); err != nil {
			return nil, err
		}
		all[i].Example = example[0]
	}
	return &list[operate.Cause]{Body: all}, nil
}

type askParked struct {
	Feed string `query:"feed"`
}

func (s *server) parked(ctx context.Context, in *askParked) (*list[operate.Parked], error) {
	all, _, err := s.desk(ctx).Parked(ctx, in.Feed, 0)
	if err != nil {
		return nil, err
	}
	if admit.CallerOf(ctx).May(admit.Operator) {
		return &list[operate.Parked]{Body: all}, operate.Looks{View: s.seen(ctx)}.Parked(ctx, all)
	}
	for i := range all {
		if p := &all[i]; formats.OfPersons(p.Entity) {
			p.Key, p.WaitsFor, p.Row = "", "", map[string]string{}
		}
	}
	return &list[operate.Parked]{Body: all}, nil
}

type askOrders struct {
	Page
	Export   string             `query:"export"`
	Order    string             `query:"order" maxLength:"255" doc:"identifier, or the number of a file"`
	State    []bridge.OwedState `query:"state" doc:"one of these states; of all without"`
	Customer string             `query:"customer" doc:"a customer's number"`
	From     time.Time          `query:"from" doc:"submitted at or after"`
	To       time.Time          `query:"to" doc:"submitted before"`
	Alarmed  bool               `query:"alarmed" doc:"only those with an alarm"`
}

func (s *server) orders(ctx context.Context, in *askOrders) (*list[operate.Order], error) {
	all, err := s.desk(ctx).Orders(ctx, bridge.OutboxFilter{Export: in.Export, Order: in.Order, States: in.State, Customer: in.Customer,
		From: in.From, To: in.To, Alarmed: in.Alarmed, After: in.After, First: in.first(), Last: in.Last})
	if err != nil {
		return nil, err
	}
	out := &list[operate.Order]{Body: all}
	if n := len(all); n > 0 {
		out.Link = in.next(n, all[n-1].ID)
	}
	return out, nil
}

// OneOrder names an order in a path.
type OneOrder struct {
	Order string `path:"order" maxLength:"255" doc:"identifier, or the number of a file"`
}

func (s *server) order(ctx context.Context, in *OneOrder) (*list[operate.OrderDetails], error) {
	all, err := operate.Witness{View: s.seen(ctx)}.OrderDetails(ctx, in.Order)
	return &list[operate.OrderDetails]{Body: all}, err
}

type askPreview struct {
	OneOrder
	Export string `path:"export" maxLength:"255"`
}

func (s *server) preview(ctx context.Context, in *askPreview) (*found[*operate.Preview], error) {
	if err := s.seen(ctx).Saw(ctx, bridge.Event{Order: in.Order, Export: in.Export, Text: "file"}); err != nil {
		return nil, err
	}
	v, err := s.desk(ctx).PreviewOrder(ctx, in.Order, in.Export)
	return &found[*operate.Preview]{v}, err
}

type askTrace struct {
	Entity string `query:"entity" doc:"without one every key that has the word is traced"`
	Key    string `query:"key" required:"true" maxLength:"4096" doc:"a key, its parts joined by |; or without an entity a part of one"`
}

// traces are an answer that may be the first part of what there is.
type traces struct {
	More bool `header:"Orobridge-More" doc:"more keys have the word than are traced"`
	Body []*operate.Trace
}

func (s *server) trace(ctx context.Context, in *askTrace) (*traces, error) {
	out := &traces{}
	if in.Entity != "" {
		v, err := s.desk(ctx).Trace(ctx, in.Entity, in.Key)
		if err != nil {
			return nil, err
		}
		out.Body = []*operate.Trace{v}
	} else {
		var err error
		if out.Body, out.More, err = s.desk(ctx).TraceAll(ctx, in.Key); err != nil {
			return nil, err
		}
	}
	for _, v := range out.Body {
		if formats.OfPersons(v.Entity) && !admit.CallerOf(ctx).May(admit.Operator) {
			return nil, problem(http.StatusForbidden, "it is about a person: this needs the role operator", "name another entity")
		}
	}
	return out, operate.Looks{View: s.seen(ctx)}.Traces(ctx, out.Body...)
}

type askEvents struct {
	Page
	Drop  int64     `query:"drop" minimum:"0"`
	Order string    `query:"order"`
	Since time.Time `query:"since" doc:"at or after"`
}

func (s *server) events(ctx context.Context, in *askEvents) (*list[operate.Event], error) {
	f := bridge.EventFilter{After: in.After, Drop: in.Drop, Order: in.Order, Since: in.Since, First: in.first(), Last: in.Last}
	out := &list[operate.Event]{Body: []operate.Event{}}
	err := s.desk(ctx).Events(ctx, f, func(e operate.Event) error {
		out.Body = append(out.Body, e)
		return nil
	})
	if n := len(out.Body); err == nil && n > 0 {
		out.Link = in.next(n, out.Body[n-1].ID)
	}
	return out, err
}

type askTransfers struct {
	User  string    `query:"user"`
	Since time.Time `query:"since" doc:"at or after"`
	Last  int       `query:"last" minimum:"1" maximum:"10000" default:"1000" doc:"only the last so many"`
}

func (s *server) transfers(ctx context.Context, in *askTransfers) (*list[operate.Transfer], error) {
	all, err := s.desk(ctx).Transfers(ctx, bridge.EventFilter{User: in.User, Since: in.Since, Last: in.Last})
	return &list[operate.Transfer]{Body: all}, err
}
