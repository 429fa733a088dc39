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

// This file is where the program learns of its adapters: a line for each, and one that says what it is.

// readers are the formats that feeds may name.
func readers() formats.Registry {
	return formats.Registry{
		"csv":   func() formats.Format { return &csv.Options{} },
		"fixed": func() formats.Format { return &fixed.Options{} },
		"idoc":  func() formats.Format { return &idoc.Options{} },
		"xml":   func() formats.Format { return &xml.Options{} },
	}
}

// readerDocs says in a line what each kind of format is.
var readerDocs = map[string]string{
	"csv":   "delimited text, with or without a header",
	"fixed": "records of fixed width, by a layout",
	"idoc":  "SAP's IDocs, flat or XML, recognised by themselves: DEBMAS, MATMAS, COND_A, ORDRSP, DESADV, INVOIC",
	"xml":   "any XML, by the paths of its elements",
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

// writerDocs says what each kind of order file is.
var writerDocs = map[string]string{
	"csv":  "one row per line item, or a row per order with its lines below it",
	"idoc": "SAP's ORDERS05, flat or XML",
	"json": "every field of an order",
	"xml":  "any XML, by a template",
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
