package daemon

import (
	"context"
	"errors"
	"fmt"

	"github.com/orobridge/orobridge/bridge"
)

// A feed and an export belong to one shop for good: what the ledger knows by their names is about that one's records, and an undo, a
// rerun or a number means them. Whose they are stands in the ledger's notes; without a note they are main's, or new. A feed of several
// shops may gain and lose some, for each has a branch of it: but it is never one shop's.

// ofSeveral is whose a feed with branches is. No shop has such a name.
const ofSeveral = "several shops"

func belongNote(work string) string { return "shop of " + work }

// work is a feed or export of a shop; known says that the ledger has something of it.
type work struct {
	shop, name string
	known      func(ctx context.Context) (bool, error)
}

func (b *Bridge) works() (all []work) {
	fronts := map[string]bool{}
	for _, d := range b.Shops {
		for _, f := range d.In.Feeds {
			known := func(name string) func(ctx context.Context) (bool, error) {
				return func(ctx context.Context) (bool, error) {
					drops, err := d.In.Ledger.Drops(ctx, bridge.DropFilter{Feed: name, Last: 1})
					return len(drops) > 0, err
				}
			}
			front := bridge.FrontOf(f.Name)
			if all = append(all, work{d.Name, feedWork(f.Name), known(f.Name)}); front != f.Name && !fronts[front] {
				fronts[front] = true
				all = append(all, work{ofSeveral, feedWork(front), known(front)})
			}
		}
		for _, x := range d.Out.Exports {
			all = append(all, work{d.Name, exportWork(x.Name), func(ctx context.Context) (bool, error) {
				_, known, err := d.Out.Ledger.Book(ctx, x.Name)
				return known, err
			}})
		}
	}
	return all
}

// Belong says whether the config gives a feed or an export to another shop than it belongs to.
func (b *Bridge) Belong(ctx context.Context) error {
	return b.eachNew(ctx, func(work) error { return nil })
}

// settle notes whose feeds and exports are that are new.
func (b *Bridge) settle(ctx context.Context) error {
	return b.eachNew(ctx, func(w work) error { return b.Ledger.Note(ctx, belongNote(w.name), w.shop) })
}

// eachNew hands on what belongs to no shop yet, and is not main's.
func (b *Bridge) eachNew(ctx context.Context, each func(work) error) error {
	notes, err := b.Ledger.Notes(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, w := range b.works() {
		was := notes[belongNote(w.name)]
		if was == "" && bridge.InShop("", w.shop) == "" {
			continue
		}
		known := false
		if was == "" {
			if known, err = w.known(ctx); err != nil {
				return err
			}
		}
		switch {
		case known:
			was = bridge.MainShop
		case was == "":
			errs = append(errs, each(w))
			continue
		}
		if bridge.InShop("", was) != bridge.InShop("", w.shop) {
			errs = append(errs, &bridge.Error{Op: "use", Object: w.name,
				Err:  fmt.Errorf("it belongs to %s, and the config gives it to %s", whose(was), whose(w.shop)),
				Hint: "give it back, by the name " + was + " below shops; for another shop, or several, write a feed or export of another name"})
		}
	}
	return errors.Join(errs...)
}

// whose says in words to which shop something belongs.
func whose(shop string) string {
	if shop == ofSeveral {
		return shop
	}
	return "the shop " + shop
}
