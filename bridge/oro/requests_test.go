package oro

import (
	"net/http"

	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

// The bridge makes no request which no real shop (6.1.11 or 7.0.4) has answered. The requests of all tests of this package are
// collected, and each of their parts must stand in testdata/requests.txt, with the recording that shows it. So are those of
// the whole program, in the tests of its journeys and of its verbs.
const requestsList = "testdata/requests.txt"

var made orotest.Asked

// A noting transport collects requests.
type noting struct{ http.RoundTripper }

func (n noting) RoundTrip(r *http.Request) (*http.Response, error) {
	made.Note(r)
	return n.RoundTripper.RoundTrip(r)
}

func (n noting) CloseIdleConnections() {
	if t, ok := n.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}
