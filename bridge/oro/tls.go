package oro

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// loopback says that a host is this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// tlsOf is how the shop is trusted and how the client shows itself; nil for the usual.
func tlsOf(cfg config.Shop) (*tls.Config, error) {
	if cfg.CAFile == "" && cfg.CertFile == "" && cfg.KeyFile == "" {
		return nil, nil
	}
	wrong := func(key, file string, err error, hint string) error {
		return &bridge.Error{Op: "read", Object: "oro." + key + " " + file, Fate: bridge.Stop, Err: err, Hint: hint}
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if cfg.CAFile != "" {
		text, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, wrong("ca_file", cfg.CAFile, err, "name a readable file with certificates in PEM")
		}
		if conf.RootCAs, err = x509.SystemCertPool(); err != nil {
			conf.RootCAs = x509.NewCertPool()
		}
		if !conf.RootCAs.AppendCertsFromPEM(text) {
			return nil, wrong("ca_file", cfg.CAFile, errors.New("it holds no certificate"),
				"write the issuer's certificate in PEM: -----BEGIN CERTIFICATE-----")
		}
	}
	if cfg.CertFile != "" || cfg.KeyFile != "" {
		pair, err := tls.LoadX509KeyPair(cfg.CertFile, cfg.KeyFile)
		if err != nil {
			return nil, wrong("client_certificate_file", cfg.CertFile, err, "name both, client_certificate_file and client_key_file, in PEM")
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}
