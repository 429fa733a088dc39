package main

import (
	"log/slog"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/dir"
	"github.com/orobridge/orobridge/bridge/oro"
	"github.com/orobridge/orobridge/bridge/sftp"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/csv"
)

// This file is where the program learns of its adapters: one line each.

// readers are the formats that feeds may name.
func readers() formats.Registry {
	return formats.Registry{
		"csv": func() formats.Format { return &csv.Options{} },
	}
}

// writers are the formats that exports may name.
func writers() bridge.OrderFormats {
	return bridge.OrderFormats{
		"csv": func() formats.OrderFormat { return &csv.OrderOptions{} },
	}
}

// remoteKinds are the places that remotes may be.
var remoteKinds = map[string]func(*bridge.RemoteConfig) (bridge.Remote, error){
	"sftp": func(c *bridge.RemoteConfig) (bridge.Remote, error) { return sftp.New(c) },
	"dir":  func(c *bridge.RemoteConfig) (bridge.Remote, error) { return dir.New(c) },
}

// openRemote makes a remote of its config. It does not connect yet.
func openRemote(c *bridge.RemoteConfig) (bridge.Remote, error) {
	return remoteKinds[c.Kind](c)
}

// openShop makes a shop of its config. It does not connect yet.
func openShop(c bridge.OroConfig, log *slog.Logger) (bridge.Shop, error) {
	return oro.New(c, oro.Options{Log: log})
}
