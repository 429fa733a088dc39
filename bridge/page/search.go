package page

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/formats"
)

const (
	maxWord     = 200 // bytes
	searchTime  = 10 * time.Second
	askedNow    = 10 // keys of which the shop is asked what it holds
	nowPatience = 5 * time.Second
)

// searching looks for what a word names.
type searching struct{ *Server }

// foundAll is what a word names, and beside it what the shop holds now.
type foundAll struct {
	Word   string
	Orders []operate.Order
	Drops  []operate.Drop
	Keys   []foundKey
	More   bool
	Empty  bool
	Late   bool // the shop did not tell in time
}

type foundKey struct {
	*operate.Trace
	Now    *operate.Now
	Fields []foundField
	Hidden bool // it is a person's, and the reader may not see it
}

// foundField is a field as we sent it last, and as the shop has it now.
type foundField struct {
	Name, Ours, Shops string
	Told, Differs     bool
}

func (s searching) search(c *call) error {
	v := &foundAll{Word: strings.TrimSpace(c.r.FormValue("q"))}
	if len(v.Word) > maxWord {
		return &operate.Mistake{Message: "the word is too long", Hint: "look for an order, a file name, a customer, a SKU or a sha256"}
	}
	if v.Word != "" {
		if err := s.find(c, v); err != nil {
			return err
		}
	}
	s.show(c, http.StatusOK, "search", view{Title: c.T("Search"), Word: v.Word, Body: v})
	return nil
}

func (s searching) find(c *call, v *foundAll) error {
	ctx, cancel := context.WithTimeout(c.r.Context(), searchTime)
	defer cancel()
	found, err := operate.Finder{Desk: c.desk}.Search(ctx, v.Word)
	if err != nil {
		return err
	}
	v.Orders, v.Drops, v.More = found.Orders, found.Drops, found.More
	now, stop := context.WithTimeout(ctx, nowPatience)
	defer stop()
	var shown []*operate.Trace
	for i, t := range found.Traces {
		k := foundKey{Trace: t, Hidden: (formats.OfPersons(t.Entity) || t.Entity == bridge.Orders) && !c.mayAll()}
		if k.Hidden {
			k.Content, k.History, k.Parked = nil, nil, nil
		} else {
			shown = append(shown, t)
		}
		if i < askedNow && !k.Hidden {
			if k.Now, err = (operate.Finder{Desk: c.desk}).Now(now, t); err != nil {
				v.Late = true // the shop is not what was asked for
			}
		}
		k.compare()
		v.Keys = append(v.Keys, k)
	}
	if err := c.looks().Traces(ctx, shown...); err != nil {
		return err
	}
	v.Empty = len(v.Orders)+len(v.Drops)+len(v.Keys) == 0
	return nil
}

// compare lays what the shop accepted last beside what it holds now.
func (k *foundKey) compare() {
	for _, name := range sorted(k.Content) {
		f := foundField{Name: name, Ours: k.Content[name]}
		if k.Now != nil {
			f.Shops, f.Told = k.Now.Fields[name]
			f.Differs = f.Told && f.Shops != f.Ours
		}
		k.Fields = append(k.Fields, f)
	}
}
