package config

// FewRemovals is how many removals, or rows fewer than before, no default guard stops.
const FewRemovals = 20

// DefaultGuards are the limits of a feed whose full files withdraw what they lack: a file that was cut off, or is another
// one than it says, must not empty a shop. Zeroing stock has none: a warehouse that is closed is an ordinary day.
func (f *Feed) DefaultGuards() Guards {
	if f.Mode != "full" || f.Missing == "keep" || f.Missing == "zero" {
		return Guards{}
	}
	return Guards{MaxRemovals: &Limit{Percent: 5, IsShare: true}, MaxShrink: &Limit{Percent: 30, IsShare: true}}
}

// Or are the limits that are set, and in place of the others those of the defaults.
func (g Guards) Or(defaults Guards) Guards {
	if g.MaxRemovals == nil {
		g.MaxRemovals = defaults.MaxRemovals
	}
	if g.MaxShrink == nil {
		g.MaxShrink = defaults.MaxShrink
	}
	return g
}

// Unguarded names the default limits that a feed has switched off by a share of everything.
func (f *Feed) Unguarded() []string {
	var off []string
	for _, g := range []struct {
		name string
		set  *Limit
		was  *Limit
	}{{"max_removals", f.Guards.MaxRemovals, f.DefaultGuards().MaxRemovals}, {"max_shrink", f.Guards.MaxShrink, f.DefaultGuards().MaxShrink}} {
		if g.was != nil && g.set != nil && g.set.IsShare && g.set.Percent >= 100 {
			off = append(off, g.name)
		}
	}
	return off
}
