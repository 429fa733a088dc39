package config

import (
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// Ends lists when the certificates and keys end that the config names for a shop. What can't be read is told by whoever uses it.
func (c *Config) Ends(shop *Shop) []bridge.End {
	var all []bridge.End
	add := func(of, what, file string) {
		if from, at := validity(file); !at.IsZero() {
			all = append(all, bridge.End{Of: of, What: what + " " + filepath.Base(file), From: from, At: at})
		}
	}
	add(bridge.OfShop(bridge.ShopWork, shop.Name), "the client certificate", shop.CertFile)
	if c.Admin != nil {
		add(bridge.BridgeWork, "the page's certificate", c.Admin.TLS.CertFile)
	}
	for _, f := range c.FeedsOf(shop) {
		for _, layer := range f.Layers() {
			for _, at := range layer.Ends() {
				all = append(all, bridge.End{Of: "feed " + f.Name, What: "an OpenPGP key", At: at})
			}
		}
	}
	return all
}

// validity is from when to when the first certificate of a PEM file is valid; zero when there is none.
func validity(file string) (from, to time.Time) {
	if file == "" {
		return from, to
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return from, to
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			return cert.NotBefore.UTC(), cert.NotAfter.UTC()
		}
	}
	return from, to
}

// WorksOf lists the pieces of work that need a remote: all feeds and exports that name it, one after the other.
func (c *Config) WorksOf(remote string) string {
	var works []string
	for _, f := range c.Feeds {
		if f.Remote == remote {
			works = append(works, "feed "+f.Name)
		}
	}
	for _, x := range c.Exports {
		if x.Remote == remote {
			works = append(works, "export "+x.Name)
		}
	}
	return cmp.Or(strings.Join(works, ", "), bridge.BridgeWork)
}
