package config

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// An End is when something that the config names ends.
type End struct {
	Of   string // the piece of work that needs it: "shop", "feed prices", "bridge"
	What string // "the client certificate client.pem"
	At   time.Time
}

// Ends lists when the certificates and keys end that the config names for a shop. What can't be read is told by whoever uses it.
func (c *Config) Ends(shop *Shop) []End {
	var all []End
	add := func(of, what, file string) {
		if at := certificateEnd(file); !at.IsZero() {
			all = append(all, End{of, what + " " + filepath.Base(file), at})
		}
	}
	add(bridge.ShopWork, "the client certificate", shop.CertFile)
	if c.Admin != nil {
		add(bridge.BridgeWork, "the page's certificate", c.Admin.TLS.CertFile)
	}
	for _, f := range c.FeedsOf(shop) {
		for _, layer := range f.Layers() {
			for _, at := range layer.Ends() {
				all = append(all, End{"feed " + f.Name, "an OpenPGP key", at})
			}
		}
	}
	return all
}

// certificateEnd is when the first certificate of a PEM file ends; zero when there is none.
func certificateEnd(file string) time.Time {
	if file == "" {
		return time.Time{}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return time.Time{}
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			return cert.NotAfter.UTC()
		}
	}
	return time.Time{}
}
