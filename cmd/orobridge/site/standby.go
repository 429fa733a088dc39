package site

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/orobridge/orobridge/bridge/config"
)

// Standby tells whoever supervises a bridge that is to take over from others of an older version that it is ready, until ctx ends: only so
// are the others brought to its version. There is nothing else at its address.
func Standby(ctx context.Context, a *config.Admin, log *slog.Logger) {
	s, err := Listen(ctx, Options{Config: &config.Admin{Listen: a.Listen, Hosts: a.Hosts, TLS: a.TLS}, Figures: http.NotFoundHandler(),
		Ready: func(context.Context) error { return nil }, Log: log})
	if err == nil {
		err = errors.Join(s.Serve(ctx), s.Close())
	}
	if err != nil {
		log.Warn("nobody hears that this bridge stands by", "error", err)
	}
}
