// Package systemd tells a service manager how the program is, and keeps to the memory that it gives. Where none has started the program
// all of this does nothing.
package systemd

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/coreos/go-systemd/v22/daemon"
)

// What systemd is told (https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html).
const (
	Ready    = daemon.SdNotifyReady + "\nSTATUS=at work"
	Standby  = daemon.SdNotifyReady + "\nSTATUS=stands by while bridges of an older version work"
	Stopping = daemon.SdNotifyStopping
)

// Reloading carries the time, as units of Type=notify-reload want it.
func Reloading() string {
	return daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec()
}

// Tell says one of these.
func Tell(log *slog.Logger, what string) {
	if _, err := daemon.SdNotify(false, what); err != nil {
		log.Warn("tell systemd", "what", what, "error", err)
	}
}

// A Ledger answers as long as the bridge is alive.
type Ledger interface {
	Decided(ctx context.Context, after int64) (last int64, decided bool, err error)
}

// Nothing is what a bridge that stands by is alive by.
type Nothing struct{}

// Decided implements Ledger.
func (Nothing) Decided(context.Context, int64) (int64, bool, error) { return 0, false, nil }

// Beat tells systemd's watchdog that the bridge is alive, for as long as the ledger answers; an error is an answer, too: trouble is waited
// out. A bridge whose ledger does not answer any more is started anew.
func Beat(ctx context.Context, ledger Ledger) {
	within, err := daemon.SdWatchdogEnabled(false)
	if err != nil || within == 0 {
		return
	}
	tick := time.NewTicker(within / 3)
	defer tick.Stop()
	for {
		_, _, _ = ledger.Decided(ctx, math.MaxInt64)
		_, _ = daemon.SdNotify(false, daemon.SdNotifyWatchdog)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// memoryShare is how much of the memory that the service or container may have Go uses before it collects harder; the rest is SQLite's.
const memoryShare = 0.9

// LimitMemory keeps the program below the limit of its cgroup, such as MemoryMax= of the unit, unless GOMEMLIMIT says another.
func LimitMemory(log *slog.Logger) {
	limit, err := memlimit.Set(memlimit.WithRatio(memoryShare), memlimit.WithProvider(memlimit.FromCgroup))
	switch {
	case errors.Is(err, memlimit.ErrNoLimit), errors.Is(err, memlimit.ErrNoCgroup), errors.Is(err, memlimit.ErrCgroupsNotSupported):
	case err != nil:
		log.Warn("look for a limit of memory", "error", err)
	case limit < math.MaxInt64:
		log.Info("memory is limited", "bytes", limit)
	}
}
