package web

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// Certificates are a certificate and its key in two files, which are read again once they have changed. New ones that can't be read
// change nothing: the last good ones are shown on.
type Certificates struct {
	certFile, keyFile string
	log               *slog.Logger

	mu     sync.Mutex
	pair   *tls.Certificate
	read   [2]stamp // of the files that pair is, or was to be, read of
	looked time.Time
}

// stamp tells a file from what stood in its place before.
type stamp struct {
	size int64
	time time.Time
}

// lookEvery is how often the files are looked at, at most.
const lookEvery = time.Second

// NewCertificates reads both files.
func NewCertificates(certFile, keyFile string, log *slog.Logger) (*Certificates, error) {
	c := &Certificates{certFile: certFile, keyFile: keyFile, log: log}
	return c, c.load()
}

// load reads the files as they are now.
func (c *Certificates) load() (err error) {
	if c.read, err = c.stamps(); err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return &bridge.Error{Op: "read certificate", Object: c.certFile, Err: err,
			Hint: "admin.tls names a PEM file of the certificate with its issuers, and one of its key"}
	}
	c.pair = &pair
	return nil
}

func (c *Certificates) stamps() (all [2]stamp, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return all, fmt.Errorf("look for certificate: %w", err)
		}
		all[i] = stamp{info.Size(), info.ModTime()}
	}
	return all, nil
}

// get is what a handshake shows.
func (c *Certificates) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= lookEvery {
		c.looked = now
		is, err := c.stamps()
		if err == nil && is != c.read {
			err = c.load()
		}
		if err != nil {
			c.log.Warn("the certificate can't be read again; the last one is shown on", "error", err, "hint", bridge.HintOf(err))
		}
	}
	return c.pair, nil
}
