package page

import (
	"net/http"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/operate"
)

// workPages show feeds and exports.
type workPages struct{ *Server }

// workList are the feeds, or the exports, with how each stands.
type workList struct {
	*today
	Stops []shopStop // of the shops, each with its pause
}

// shopStop is where all that needs a shop can be stopped.
type shopStop struct {
	Name  string         // empty of the only one
	Path  string         // of its decisions
	Pause *operate.Pause // nil for none
}

func (s workPages) works(c *call) (*workList, error) {
	t, err := s.todayFor(c)
	if err != nil {
		return nil, err
	}
	v := &workList{today: t}
	for _, name := range s.Config.ShopNames() {
		stop := shopStop{Name: name, Path: "/shops/" + name, Pause: pauseOf(t.Pauses, bridge.OfShop(bridge.ShopWork, name))}
		if len(s.Config.Shops()) == 1 {
			stop.Name, stop.Path = "", "/shop"
		}
		if c.desk.Shows(name) {
			v.Stops = append(v.Stops, stop)
		}
	}
	return v, nil
}

func pauseOf(all []operate.Pause, work string) *operate.Pause {
	for i := range all {
		if all[i].Work == work {
			return &all[i]
		}
	}
	return nil
}

func (s workPages) showFeeds(c *call) (view, error) {
	v, err := s.works(c)
	return view{Title: c.T("Feeds"), Live: true, Body: v}, err
}

func (s workPages) showExports(c *call) (view, error) {
	v, err := s.works(c)
	return view{Title: c.T("Exports"), Live: true, Body: v}, err
}

// oneWork is a feed or an export: how it stands, and what it works by.
type oneWork struct {
	Name      string
	Feed      *feedToday
	Export    *exportToday
	Trouble   string
	Pause     *operate.Pause
	Settings  []config.Setting
	Drops     []operate.Drop  // the last ones of a feed
	Orders    []operate.Order // the last ones of an export
	Parked    []operate.Parked
	MoreWaits bool // there are more parked rows than shown
	Status    *operate.Status
}

const lastOnes = 10

// feedOf shows a feed. One page is made for all who look at the same time, but where rows are a person's: each look at those is entered.
func (s workPages) feedOf(c *call) error {
	if !c.looks().OfPersons(c.r.PathValue("name")) {
		return s.sharing("feed", s.showFeed)(c)
	}
	v, err := s.showFeed(c)
	if err == nil {
		s.show(c, http.StatusOK, "feed", v)
	}
	return err
}

func (s workPages) showFeed(c *call) (none view, err error) {
	t, err := s.works(c)
	if err != nil {
		return none, err
	}
	name := c.r.PathValue("name")
	f, err := operate.FeedOf(c.desk.Feeds, name)
	if err != nil {
		return none, &bridge.Error{Op: "find", Object: "feed " + name, Err: bridge.ErrUnknown, Hint: "see /feeds"}
	}
	v := &oneWork{Name: name, Trouble: t.Paused["feed "+name], Pause: pauseOf(t.Pauses, "feed "+name), Settings: config.Settings(f),
		Status: t.Status}
	for i := range t.Feeds {
		if t.Feeds[i].Feed == name {
			v.Feed = &t.Feeds[i]
		}
	}
	if v.Drops, err = c.desk.Drops(c.r.Context(), bridge.DropFilter{Feed: name, Last: lastOnes}); err != nil {
		return none, err
	}
	if v.Parked, v.MoreWaits, err = c.desk.Parked(c.r.Context(), name, shownRejects); err != nil {
		return none, err
	}
	if c.looks().OfPersons(name) && !c.mayAll() {
		v.Parked = nil
	}
	if err := c.looks().Parked(c.r.Context(), v.Parked); err != nil {
		return none, err
	}
	return view{Title: c.T("Feed") + " " + name, Live: true, Body: v}, nil
}

func (s workPages) showExport(c *call) (none view, err error) {
	t, err := s.works(c)
	if err != nil {
		return none, err
	}
	name := c.r.PathValue("name")
	x, err := c.desk.ExportOf(name)
	if err != nil {
		return none, &bridge.Error{Op: "find", Object: "export " + name, Err: bridge.ErrUnknown, Hint: "see /exports"}
	}
	v := &oneWork{Name: name, Trouble: t.Paused["export "+name], Pause: pauseOf(t.Pauses, "export "+name), Settings: config.Settings(x)}
	for i := range t.Exports {
		if t.Exports[i].Export == name {
			v.Export = &t.Exports[i]
		}
	}
	if v.Orders, err = c.desk.Orders(c.r.Context(), bridge.OutboxFilter{Export: name, Last: lastOnes}); err != nil {
		return none, err
	}
	return view{Title: c.T("Export") + " " + name, Live: true, Body: v}, nil
}
