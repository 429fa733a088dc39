package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"

	"github.com/orobridge/orobridge/bridge"
)

// Profiles are what go tool pprof asks of this process, at a unix socket that only its own account may open.
type Profiles struct {
	listener net.Listener
	path     string
	log      *slog.Logger
}

const (
	maxProfiles = 4   // that ask at once
	maxSocket   = 100 // bytes of a path; the system's own limit is a little higher (unix(7))
)

// ListenProfiles opens a socket. One that a process has left which is gone makes way; anything else there is an error.
func ListenProfiles(path string, log *slog.Logger) (_ *Profiles, err error) {
	trouble := func(err error, hint string) error {
		return &bridge.Error{Op: "listen at", Object: path, Err: err, Hint: hint}
	}
	switch info, err := os.Lstat(path); {
	case len(path) > maxSocket:
		return nil, trouble(fmt.Errorf("a socket's path has at most %d bytes", maxSocket), "choose a shorter one for admin.pprof")
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, trouble(err, "choose another path for admin.pprof")
	case info.Mode()&fs.ModeSocket == 0:
		return nil, trouble(errors.New("there is something else"), "choose another path for admin.pprof")
	default:
		if c, err := net.Dial("unix", path); err == nil {
			return nil, errors.Join(trouble(errors.New("somebody listens there already"), "choose another path for admin.pprof"), c.Close())
		}
	}
	// It is born in a folder that nobody else may enter, and stands where it belongs once nobody else may open it.
	born, err := os.MkdirTemp(filepath.Dir(path), ".pprof-")
	if err != nil {
		return nil, trouble(err, "make the folder, or choose another path for admin.pprof")
	}
	defer func() { err = errors.Join(err, os.RemoveAll(born)) }()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(born, "s"), Net: "unix"})
	if err != nil {
		return nil, trouble(err, "choose another path for admin.pprof; a shorter one, if its folder's is long")
	}
	l.SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(filepath.Join(born, "s"), 0o600), os.Rename(filepath.Join(born, "s"), path)); err != nil {
		return nil, errors.Join(trouble(err, "choose another path for admin.pprof"), l.Close())
	}
	return &Profiles{l, path, log}, nil
}

// Serve answers until ctx ends.
func (p *Profiles) Serve(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return serve(ctx, &http.Server{Handler: mux, ReadHeaderTimeout: requestTime, IdleTimeout: siteIdle}, p.listener, maxProfiles, p.log)
}

// Close takes the socket away.
func (p *Profiles) Close() error {
	_ = p.listener.Close() // whoever served it has closed it already
	if err := os.Remove(p.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the socket: %w", err)
	}
	return nil
}
