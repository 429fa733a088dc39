package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/state"
)

// A deciding verb works on the ledger whether or not a bridge is running on it. With none it carries out what is decided and
// ends with the verdict; beside one it writes the decision down, and that bridge carries it out: --wait follows it there.

// deciding are the flags that deciding verbs share.
type deciding struct {
	why  string
	wait bool
}

// flags gives a verb --why, and --wait where there is something to wait for.
func (d *deciding) flags(flags *pflag.FlagSet, waits bool) {
	flags.StringVar(&d.why, "why", "", "the `reason`, kept in the journal beside who decided")
	if waits {
		flags.BoolVar(&d.wait, "wait", false, "beside a running bridge: wait until it has carried this out, and exit with its verdict")
	}
}

// decide opens a bridge on the ledger to change a word or two in it, whether or not another one is running there.
func (a *app) decide(ctx context.Context, d deciding, do func(*engine) error) error {
	if err := a.here(); err != nil {
		return err
	}
	c, err := a.config()
	if err != nil {
		return err
	}
	ledger, err := openLedger(ctx, c)
	running := errors.Is(err, bridge.ErrLocked)
	if running {
		ledger, err = openBeside(ctx, c)
	}
	if err != nil {
		return err
	}
	return a.attend(ctx, c, ledger, running, func(e *engine) error {
		e.Desk.By.Why, e.Desk.Wait = d.why, d.wait
		e.Desk.Alive = func() bool { return held(ctx, c) }
		return do(e)
	})
}

// configNote is the name of the ledger's note of the config that the bridge works with: the file's sha256.
const configNote = "config"

// noteConfig keeps in the ledger which config the bridge that holds it works with.
func noteConfig(ctx context.Context, c *config.Config, ledger *state.State) error {
	sum, err := configSum(c)
	if err != nil {
		return err
	}
	return ledger.Note(context.WithoutCancel(ctx), configNote, sum)
}

func configSum(c *config.Config) (string, error) {
	text, err := os.ReadFile(c.Path)
	if err != nil {
		return "", fmt.Errorf("read config: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// openBeside opens the ledger beside the bridge that holds it. When that bridge works with another config than the file's,
// what somebody decides by the file would be carried out by other rules.
func openBeside(ctx context.Context, c *config.Config) (_ *state.State, err error) {
	ledger, err := openState(ctx, c, state.Options{Beside: true})
	if err != nil {
		return nil, err
	}
	notes, err := ledger.Notes(ctx)
	if err != nil {
		return nil, errors.Join(err, ledger.Close())
	}
	sum, err := configSum(c)
	if was := notes[configNote]; err == nil && was != "" && was != sum {
		err = &operate.Mistake{Message: fmt.Sprintf("the running bridge has not read %s since it was changed", c.Path),
			Hint: "have it read the file first: `orobridge reload`"}
	}
	if err != nil {
		return nil, errors.Join(err, ledger.Close())
	}
	return ledger, nil
}

// decideDrop takes a decision about the drop that the user named and prints what became of it.
func (a *app) decideDrop(ctx context.Context, d deciding, drop string,
	decision func(operate.Decider, context.Context, int64) (*operate.Result, error)) error {
	id, err := number("drop", drop)
	if err != nil {
		return err
	}
	return a.settle(ctx, d, func(desk operate.Decider, _ bool) error {
		v, err := decision(desk, ctx, id)
		if err != nil {
			return err
		}
		return cmp.Or(a.PrintResult(v), verdict(v))
	})
}
