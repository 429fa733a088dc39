package main

import (
	"context"
	"errors"
	"sync"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/cmd/orobridge/site"
	"github.com/orobridge/orobridge/cmd/orobridge/systemd"
)

// take takes the ledger, for this bridge alone or to share it. While bridges of an older version work with it, it stands by, and begins by
// the config as it is once the last of them has ended.
func (l *lives) take(ctx context.Context) (err error) {
	try := func() {
		l.ledger, err = takeLedger(ctx, l.config, l.config.State.Postgres != "")
	}
	if try(); !errors.Is(err, bridge.ErrBehind) {
		return err
	}
	l.log.Warn("stands by", "error", err, "hint", bridge.HintOf(err))
	beside, leave := context.WithCancel(ctx)
	var all sync.WaitGroup
	all.Go(func() { systemd.Beat(beside, systemd.Nothing{}) })
	if a := l.config.Admin; a != nil {
		all.Go(func() { site.Standby(beside, a, l.log) })
	}
	systemd.Tell(l.log, systemd.Standby)
	for errors.Is(err, bridge.ErrBehind) && ctx.Err() == nil {
		try()
	}
	leave()
	all.Wait()
	if err == nil {
		if c, readErr := l.read(l.config); readErr == nil {
			l.config = c
		} else {
			l.log.Error("the config is read as it was before", "error", readErr, "hint", bridge.HintOf(readErr))
		}
	}
	return err
}
