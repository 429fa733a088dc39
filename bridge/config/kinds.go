package config

import (
	"cmp"
	"log/slog"
	"path"
	"slices"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// Kinds are the adapters that a config may name, each by the word that stands behind kind. What makes the options of one
// returns a pointer to a struct with the tags that [Config] has, empty: decoding fills in the defaults.
type Kinds struct {
	Remotes map[string]func() bridge.RemoteOptions
	Formats map[string]func() formats.Format      // of feeds
	Orders  map[string]func() formats.OrderFormat // of exports
	Address func(url string) error                // says what is wrong with the address of a route; its errors hold no part of it
}

// OpenRemote makes a remote of the config for the bridge of that identity, which is its ledger's. It does not connect yet. Errors
// are *bridge.Error with fate Stop. log may be nil.
func (c *Config) OpenRemote(name, identity string, log *slog.Logger) (bridge.Remote, error) {
	return c.Remotes[name].Options.Open(bridge.RemoteSetup{Name: name, Identity: identity, State: c.State.Dir, Folders: c.folders(name),
		Own: c.own(name), Log: cmp.Or(log, slog.New(slog.DiscardHandler))})
}

// RemoteMark marks what [Config.OpenRemote] makes a remote of: with another mark it has to be opened anew. A server of our own goes by
// the folders of feeds and exports, too.
func (c *Config) RemoteMark(name string) Mark {
	r := c.Remotes[name]
	if r == nil {
		return Mark{}
	}
	if _, serves := r.Options.(bridge.Settling); serves {
		return MarkOf(r, c.folders(name), c.own(name))
	}
	return MarkOf(r)
}

// own lists the folders of a remote that nobody but the bridge has business in.
func (c *Config) own(remote string) []string {
	var all []string
	for _, f := range c.Feeds {
		if f.Remote == remote {
			all = append(all, path.Join("/", f.Folder, f.Folders.Work))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// folders lists the folders of a remote that feeds and exports name.
func (c *Config) folders(remote string) []string {
	var all []string
	for _, f := range c.Feeds {
		if f.Remote == remote {
			all = append(all, path.Clean("/"+f.Folder))
		}
	}
	for _, e := range c.Exports {
		if e.Remote == remote {
			all = append(all, path.Clean("/"+e.Folder))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
