package main

import (
	"log/slog"
	"os"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/dir"
	"github.com/orobridge/orobridge/bridge/notify/post"
	"github.com/orobridge/orobridge/bridge/oro"
	"github.com/orobridge/orobridge/bridge/sftp"
	"github.com/orobridge/orobridge/bridge/sftpd"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/csv"
	"github.com/orobridge/orobridge/formats/fixed"
	"github.com/orobridge/orobridge/formats/idoc"
	"github.com/orobridge/orobridge/formats/json"
	"github.com/orobridge/orobridge/formats/xml"
	"github.com/orobridge/orobridge/formats/xmlorders"
)

// This file is where the program learns of its adapters: one line each.

// kinds are what a config may name.
var kinds = config.Kinds{
	Remotes: map[string]func() bridge.RemoteOptions{
		"sftp":   func() bridge.RemoteOptions { return &sftp.Options{} },
		"dir":    func() bridge.RemoteOptions { return &dir.Options{} },
		"server": func() bridge.RemoteOptions { return &sftpd.Options{} },
	},
	Formats: map[string]func() formats.Format{
		"csv":   func() formats.Format { return &csv.Options{} },
		"fixed": func() formats.Format { return &fixed.Options{} },
		"idoc":  func() formats.Format { return &idoc.Options{} },
		"xml":   func() formats.Format { return &xml.Options{} },
	},
	Orders: map[string]func() formats.OrderFormat{
		"csv":  func() formats.OrderFormat { return &csv.OrderOptions{} },
		"idoc": func() formats.OrderFormat { return &idoc.OrderOptions{} },
		"json": func() formats.OrderFormat { return &json.OrderOptions{} },
		"xml":  func() formats.OrderFormat { return &xmlorders.Options{} },
	},
	Address: post.Check,
}

// openShop makes a shop of its config. It does not connect yet.
func openShop(c config.Shop, log *slog.Logger) (*oro.Client, error) {
	return oro.New(c, oro.Options{Log: log})
}

// openFolder makes a folder of this machine whose files only the bridge's account reads.
func openFolder(path, identity string) (bridge.Remote, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, &bridge.Error{Op: "make folder", Object: path, Err: err, Hint: "let the bridge's account write there"}
	}
	o := &dir.Options{Path: path, Mode: 0o600}
	return o.Open(bridge.RemoteSetup{Name: "backups", Identity: identity})
}
