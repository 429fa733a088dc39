package main

import (
	"log/slog"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/dir"
	"github.com/orobridge/orobridge/bridge/oro"
	"github.com/orobridge/orobridge/bridge/sftp"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/csv"
	"github.com/orobridge/orobridge/formats/fixed"
	"github.com/orobridge/orobridge/formats/idoc"
	"github.com/orobridge/orobridge/formats/json"
	"github.com/orobridge/orobridge/formats/xml"
	"github.com/orobridge/orobridge/formats/xmlorders"
)

// This file is where the program learns of its adapters: one line each.

// readers are the formats that feeds may name.
func readers() formats.Registry {
	return formats.Registry{
		"csv":   func() formats.Format { return &csv.Options{} },
		"fixed": func() formats.Format { return &fixed.Options{} },
		"idoc":  func() formats.Format { return &idoc.Options{} },
		"xml":   func() formats.Format { return &xml.Options{} },
	}
}

// writers are the formats that exports may name.
func writers() config.OrderFormats {
	return config.OrderFormats{
		"csv":  func() formats.OrderFormat { return &csv.OrderOptions{} },
		"idoc": func() formats.OrderFormat { return &idoc.OrderOptions{} },
		"json": func() formats.OrderFormat { return &json.OrderOptions{} },
		"xml":  func() formats.OrderFormat { return &xmlorders.Options{} },
	}
}

// remoteKinds are the places that remotes may be.
var remoteKinds = map[string]func(*config.Remote) (bridge.Remote, error){
	"sftp": func(c *config.Remote) (bridge.Remote, error) { return sftp.New(c) },
	"dir":  func(c *config.Remote) (bridge.Remote, error) { return dir.New(c) },
}

// openRemote makes a remote of its config. It does not connect yet.
func openRemote(c *config.Remote) (bridge.Remote, error) {
	return remoteKinds[c.Kind](c)
}

// openShop makes a shop of its config. It does not connect yet.
func openShop(c config.Shop, log *slog.Logger) (*oro.Client, error) {
	return oro.New(c, oro.Options{Log: log})
}
