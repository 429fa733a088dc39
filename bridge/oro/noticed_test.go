package oro

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"testing"
	"time"
)

func TestAnAnswerShowsTheShopsClockAndCertificate(t *testing.T) {
	asked := time.Date(2026, 11, 21, 7, 0, 0, 900e6, time.UTC)
	came := asked.Add(2 * time.Second)
	for date, want := range map[string]time.Duration{
		"Sat, 21 Nov 2026 07:00:00 GMT": 0, // its second had not ended when it was asked
		"Sat, 21 Nov 2026 07:00:02 GMT": 0,
		"Sat, 21 Nov 2026 07:05:02 GMT": 5*time.Minute - 900*time.Millisecond,
		"Sat, 21 Nov 2026 06:59:00 GMT": -time.Minute + 100*time.Millisecond,
		"":                              0,
		"yesterday":                     0,
	} {
		var n noticing
		n.see(&http.Response{Header: http.Header{"Date": {date}}}, asked, came)
		if got := n.last.Load().Ahead; got != want {
			t.Errorf("%q: ahead by %s, want %s", date, got, want)
		}
	}
	var n noticing
	n.see(&http.Response{TLS: &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{NotAfter: came}}}}, asked, came)
	if got := n.last.Load().Certificate; !got.Equal(came) {
		t.Errorf("it ends %s", got)
	}
	if got := (&api{wire: &wire{}}).Noticed(); got != (Noticed{}) {
		t.Errorf("before the first answer: %+v", got)
	}
}
