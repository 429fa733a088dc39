package web

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// What a request to a [Site] may take. A handler that streams moves its deadlines by an http.ResponseController; one that takes files
// is among the site's uploads, and bounds them itself.
const (
	siteConnections = 512 // watchers keep one each
	ofAnAddress     = siteConnections / 2
	siteTime        = time.Minute
	siteIdle        = 2 * time.Minute
	maxBody         = 1 << 20
)

// A Site is where people and programs of the operator come. Set its fields before it serves.
type Site struct {
	Handler http.Handler
	Hosts   []string       // names by which browsers may reach it, besides localhost and IP addresses; in small letters
	Keys    *Certificates  // nil: plain HTTP
	Proxies []netip.Prefix // whoever comes from there comes for many
	Uploads []string       // patterns of requests that may be longer than maxBody, as a ServeMux has them
	Log     *slog.Logger
}

// ListenSite opens an address for a [Site].
func ListenSite(ctx context.Context, address string) (net.Listener, error) {
	return listen(ctx, address, "choose another admin.listen, or stop what uses the port")
}

// Serve answers until ctx ends; then it lets the requests at hand finish, for finishTime. The listener is closed at the end.
func (s *Site) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{Handler: s.guarded(), ReadHeaderTimeout: requestTime, ReadTimeout: siteTime, WriteTimeout: siteTime,
		IdleTimeout: siteIdle}
	if s.Keys != nil {
		server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.Keys.get}
	}
	return serve(ctx, server, &fair{Listener: listener, most: ofAnAddress, proxies: s.Proxies}, siteConnections, s.Log)
}

// headers keep a browser from doing with an answer what it is not meant for: no script, style, frame or form of elsewhere.
var headers = map[string]string{
	"Content-Security-Policy":      "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY", // for browsers that do not know frame-ancestors
	"Referrer-Policy":              "same-origin",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Permissions-Policy":           "camera=(), geolocation=(), microphone=()",
}

// guarded stands before the handler: names by which nobody may come, and requests that another site has a browser make, do not get
// to it. A name is checked since one that a stranger's DNS leads here would make the stranger's page one of ours.
func (s *Site) guarded() http.Handler {
	own := http.NewCrossOriginProtection()
	for _, host := range s.Hosts {
		_ = own.AddTrustedOrigin("https://" + host) // behind a proxy that says another Host; the config has checked the name
	}
	uploads := http.NewServeMux()
	for _, pattern := range s.Uploads {
		uploads.HandleFunc(pattern, func(http.ResponseWriter, *http.Request) {})
	}
	inner := own.Handler(s.Handler)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		if !s.knows(r.Host) {
			http.Error(w, "no such site here: see admin.hosts", http.StatusMisdirectedRequest)
			return
		}
		if _, upload := uploads.Handler(r); upload == "" {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		}
		inner.ServeHTTP(w, r)
	})
}

// knows says whether a Host header is one of ours.
func (s *Site) knows(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || host == "localhost" || slices.Contains(s.Hosts, host)
}

// Health adds what a supervisor asks: /livez, whether the process answers, and /readyz, whether it can work. What is wrong stands in the
// log and not in the answer.
func Health(mux *http.ServeMux, ready func(context.Context) error, log *slog.Logger) {
	answer := func(w http.ResponseWriter, status int, text string) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text + "\n")) // who asked may have gone
	}
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTime)
		defer cancel()
		if err := ready(ctx); err != nil {
			log.Debug("not ready", "error", err, "hint", bridge.HintOf(err))
			answer(w, http.StatusServiceUnavailable, "not ready")
			return
		}
		answer(w, http.StatusOK, "ready")
	})
}
