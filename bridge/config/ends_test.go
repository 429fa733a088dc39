package config_test

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/orobridge/orobridge/bridge/config"
)

func TestAConfigTellsWhenItsCertificatesEnd(t *testing.T) {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	t.Chdir(t.TempDir())
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	for name, data := range map[string][]byte{"client.pem": append([]byte("-----BEGIN X-----\n-----END X-----\n"), text...), "key.pem": nil} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Parse("orobridge.yaml", []byte("oro: { url: https://shop.example.com, client_id: demo, client_secret: hush, "+
		"client_certificate_file: client.pem, client_key_file: key.pem }\nadmin: { tls: { certificate_file: none.pem, key_file: key.pem } }\n"),
		kinds, testEnv)
	if err != nil {
		t.Fatal(err)
	}
	got := c.Ends(&c.Oro)
	if len(got) != 1 || got[0].Of != "shop" || got[0].What != "the client certificate client.pem" || !got[0].At.Equal(s.Certificate().NotAfter) {
		t.Errorf("%+v", got)
	}
}
