package operate

import (
	"context"
	"fmt"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound"
)

// Reconciliation says how the shop stands against the ledger.
type Reconciliation struct {
	Shop        string       `json:"shop,omitempty"` // where there are several
	Feed        string       `json:"feed"`
	Entity      string       `json:"entity"`
	Compared    int64        `json:"compared"` // records of the shop
	Missing     int64        `json:"missing"`
	Different   int64        `json:"different"`
	Unknown     int64        `json:"unknown"`
	Stray       int64        `json:"stray"`       // of the unknown ones, made since the ledger was that was put back
	Differences []Difference `json:"differences"` // the first of them
	Made        *Run         `json:"made"`        // the drop that sets right what is missing, different or stray; null for none

	Result *Result `json:"-"` // of that drop
}

// Difference is one thing in which the shop and the ledger differ.
type Difference struct {
	Kind  inbound.DifferenceKind `json:"kind"` // missing, different, unknown or stray
	Key   string                 `json:"key"`
	Field string                 `json:"field"`
	Ours  string                 `json:"ours"` // what the shop last accepted from us
	Shop  string                 `json:"shop"` // what it has now
	Drop  int64                  `json:"drop"` // that set it last
}

// differencesShown is how many differences a model holds; the rest is counted, and told to whoever is told of each.
const differencesShown = 10_000

// ReconcileOptions say what to make of a comparison.
type ReconcileOptions struct {
	Repair bool
	Agreed bool
	Each   func(Difference) error // told of each as it is found; nil: nobody is
}

// Reconcile compares the shop with the ledger. Name is that of a feed, or of an entity that feeds load. Nothing is written to
// the shop but what a repair sets right.
func (k *Desk) Reconcile(ctx context.Context, name string, o ReconcileOptions) (*Reconciliation, error) {
	f, mistake := oneShop(&k.View, name)
	name, shop, err := inShopOf(&k.Sight, name)
	if err != nil {
		return nil, err
	}
	for _, x := range k.Feeds {
		if x.Entity.Name != name || shop != "" && k.ShopOf(x.Name) != shop || len(x.Branches) > 0 {
			continue
		}
		if f != nil && f.Entity == x.Entity && k.ShopOf(f.Name) != k.ShopOf(x.Name) {
			return nil, &Mistake{fmt.Sprintf("%s and %s load %s into different shops", f.Name, x.Name, name),
				"name the feed, or " + name + "@SHOP"}
		}
		if f == nil {
			f = x
		}
	}
	if f == nil {
		return nil, mistake
	}
	if o.Agreed && f.Approve > 1 {
		return nil, &Mistake{fmt.Sprintf("feed %s asks for %d people (approve_by)", f.Name, f.Approve),
			"leave --yes out, and have the drop approved"}
	}
	v := &Reconciliation{Shop: k.told(k.ShopOf(f.Name)), Feed: f.Name, Entity: f.Entity.Name, Differences: []Difference{}}
	options := inbound.ReconcileOptions{Repair: o.Repair, Agreed: o.Agreed, Each: func(x inbound.Difference) error {
		d := Difference{Kind: x.Kind, Key: x.Key, Field: x.Field, Ours: x.Ours, Shop: x.Shops, Drop: x.Drop}
		if len(v.Differences) < differencesShown {
			v.Differences = append(v.Differences, d)
		}
		if o.Each == nil {
			return nil
		}
		return o.Each(d)
	}}
	c, err := inOf(k, f.Name).Reconcile(ctx, f, options, k.By)
	if err != nil {
		return nil, err
	}
	v.Compared, v.Missing, v.Different, v.Unknown, v.Stray = c.Compared, c.Missing, c.Different, c.Unknown, c.Stray
	if c.Drop == nil {
		return v, nil
	}
	if v.Result, err = k.carryOut(ctx, f, c.Drop); err != nil {
		return nil, bridge.Within(fmt.Sprintf("drop %d, which holds the repair, goes on with the next `orobridge run`", c.Drop.ID), err)
	}
	v.Made = &v.Result.Run
	return v, nil
}
