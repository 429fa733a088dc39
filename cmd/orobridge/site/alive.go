package site

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// Alive asks the bridge of this machine for /livez, for those who supervise it from beside it and have no HTTP of their own, such as
// a container without any other program. An address of a port that is chosen anew at each start can't be asked: nil.
func Alive(ctx context.Context, c *config.Admin) error {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil || port == "0" {
		return err
	}
	if a, err := netip.ParseAddr(host); host == "" || err == nil && a.IsUnspecified() {
		host = "localhost"
	}
	url := "http://" + net.JoinHostPort(host, port) + "/livez"
	// Nothing is told that a stranger could use, and the certificate is for the name by which others come.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	if c.TLS.CertFile != "" {
		url = "https" + url[len("http"):]
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := (&http.Client{Transport: transport, CheckRedirect: stay, Timeout: 5 * time.Second}).Do(request)
	if err == nil {
		defer answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return nil
		}
		err = fmt.Errorf("it answers %s", answer.Status)
	}
	return &bridge.Error{Op: "ask whether it lives", Object: url, Err: err,
		Hint: "a bridge holds the state and does not answer: see its log"}
}
