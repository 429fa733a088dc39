package oro

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

func TestPlainHTTPStaysOnThisMachine(t *testing.T) {
	for url, fine := range map[string]bool{
		"http://127.0.0.1:8080": true, "http://localhost": true, "http://[::1]:80": true, "https://shop.example.com": true,
		"http://shop.example.com": false, "http://10.0.0.7": false, "http://127.0.0.1.example.com": false, "http://localhost.example.com": false,
	} {
		if _, err := New(config.Shop{URL: url}, Options{}); (err == nil) != fine || err != nil && bridge.HintOf(err) == "" {
			t.Errorf("%s: %v", url, err)
		}
		if _, err := New(config.Shop{URL: url, Insecure: true}, Options{}); err != nil {
			t.Errorf("%s, insecure: %v", url, err)
		}
	}
}

// TestCertificates: a shop with an issuer of its own, behind a proxy that asks for a certificate.
func TestCertificates(t *testing.T) {
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bridge"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert, keyFile := write("cert.pem", "CERTIFICATE", der), write("key.pem", "EC PRIVATE KEY", keyDER)
	issuer, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(issuer)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"access_token":"t","expires_in":3600}`))
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()

	login := func(cfg config.Shop) error {
		cfg.URL = server.URL
		c, err := New(cfg, Options{})
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.tokens.get(t.Context())
		return err
	}
	if err := login(config.Shop{CAFile: cert, CertFile: cert, KeyFile: keyFile}); err != nil {
		t.Errorf("with all files: %v", err)
	}
	for name, cfg := range map[string]config.Shop{
		"no issuer": {CertFile: cert, KeyFile: keyFile}, "no file": {CAFile: filepath.Join(dir, "none")},
		"no PEM": {CAFile: keyFile}, "no key": {CAFile: cert, CertFile: cert},
	} {
		if err := login(cfg); bridge.FateOf(err) != bridge.Stop || bridge.HintOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
