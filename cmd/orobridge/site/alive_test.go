package site

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// Whoever supervises the bridge hears whether it answers, whatever address and certificate it has.
func TestAlive(t *testing.T) {
	code := http.StatusOK
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/livez" {
			t.Errorf("asked for %s", r.URL)
		}
		http.Redirect(w, r, "/elsewhere", code)
	})
	plain, secure := httptest.NewServer(answer), httptest.NewTLSServer(answer)
	defer plain.Close()
	defer secure.Close()
	port := func(s *httptest.Server) string { return s.URL[strings.LastIndexByte(s.URL, ':'):] }
	gone := httptest.NewServer(answer)
	gone.Close()
	for _, c := range []struct {
		name, listen, cert string
		code               int
		alive              bool
	}{
		{"plain", plain.Listener.Addr().String(), "", http.StatusOK, true},
		{"of all addresses", "0.0.0.0" + port(plain), "", http.StatusOK, true},
		{"without an address", port(plain), "", http.StatusOK, true},
		{"with a certificate for another name", secure.Listener.Addr().String(), "c.pem", http.StatusOK, true},
		{"a port that is chosen at each start", "127.0.0.1:0", "", http.StatusOK, true},
		{"one that says no", plain.Listener.Addr().String(), "", http.StatusServiceUnavailable, false},
		{"one that sends elsewhere", plain.Listener.Addr().String(), "", http.StatusFound, false},
		{"plain where a certificate is", plain.Listener.Addr().String(), "c.pem", http.StatusOK, false},
		{"nobody", gone.Listener.Addr().String(), "", http.StatusOK, false},
	} {
		code = c.code
		a := &config.Admin{Listen: c.listen}
		a.TLS.CertFile = c.cert
		err := Alive(t.Context(), a)
		if (err == nil) != c.alive || err != nil && bridge.HintOf(err) == "" {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
