package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/notify"
	"github.com/orobridge/orobridge/bridge/notify/post"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/bridge/subscribe"
	"github.com/orobridge/orobridge/cmd/orobridge/build"
	"github.com/orobridge/orobridge/cmd/orobridge/caller"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

func newAlarmsCommand(a *app) *cobra.Command {
	var all bool
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "alarms",
		Short: "List what a person has to look at, who was told, and who has taken note",
		Long: "alarms lists what is wrong: held, rejected and missing drops, ends that can't be reached, orders that the ERP does not pick\n" +
			"up, a disk that is nearly full. One thing that is wrong is one alarm, however many files it is of. A running bridge\n" +
			"finds them, and tells the routes of the config's notify; `orobridge ack alarm` takes note of one.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.look(cmd.Context(), func(desk *operate.View) error {
				f := bridge.AlarmFilter{Open: true}
				if all {
					f = bridge.AlarmFilter{Last: 500}
				}
				alarms, err := operate.Alarms(cmd.Context(), desk, f)
				if err != nil {
					return err
				}
				return show.Alarms(&a.Pen, alarms, time.Now())
			})
		},
	})
	cmd.Flags().BoolVar(&all, "all", false, "those that are over as well, the last 500")
	return cmd
}

func newAckAlarmCommand(a *app) *cobra.Command {
	var d deciding
	var span, until string
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "alarm NUMBER",
		Short: "Take note of an alarm, or put it off until a time",
		Long: "ack alarm says that somebody knows of an alarm: nobody is reminded of it and it goes to nobody else. It stands until nothing\n" +
			"is wrong any more. With --for or --until it is put off: after that people are told again.",
		Example: "  orobridge ack alarm 3 --why 'the ERP sends it again at nine'\n  orobridge ack alarm 3 --for 2h",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := number("alarm", args[0])
			if err != nil {
				return err
			}
			return a.decide(cmd.Context(), d, func(e *engine) error {
				end, err := pauseEnd(span, until, time.Now())
				if err != nil {
					return err
				}
				v, err := operate.Watch{Desk: e.Desk}.Ack(cmd.Context(), id, end)
				if err != nil {
					return err
				}
				if a.AsJSON {
					return a.PrintJSON(v)
				}
				return show.Alarms(&a.Pen, []operate.LiveAlarm{*v}, time.Now())
			})
		},
	})
	d.flags(cmd.Flags(), false)
	cmd.Flags().StringVar(&span, "for", "", "only put it off, for this `time`: 30m, 2h, 1d")
	cmd.Flags().StringVar(&until, "until", "", "only put it off, until this `time`: 2026-01-31, or 2026-01-31T07:00:00Z")
	return cmd
}

func newNotifyCommand(a *app) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "notify",
		Short: "Try the routes by which people are told of alarms, and the subscribers of events",
	})
	cmd.AddCommand(&cobra.Command{
		Use:   "test NAME",
		Short: "Send a message by a route that says nothing is wrong, or an event of kind test to a subscriber",
		Args:  cobra.ExactArgs(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return a.tryRoute(cmd.Context(), args[0]) },
	}, newAgainCommand(a))
	return cmd
}

// newAgainCommand has a subscriber told again.
func newAgainCommand(a *app) *cobra.Command {
	var d deciding
	var from int64
	cmd := &cobra.Command{
		Use:     "again SUBSCRIBER",
		Short:   "Have a subscriber told again of what happened from an event on",
		Example: "  orobridge notify again wms --from 4711 --why 'their disk was lost'",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.decide(cmd.Context(), d, func(e *engine) error {
				s := e.config.Subscriber(args[0])
				if s == nil {
					return &usageError{fmt.Sprintf("the config has no subscriber %q", args[0]), "see `orobridge help subscribers`"}
				}
				return subscribe.Again(cmd.Context(), e.ledger, s, from, e.Desk.By, time.Now().UTC())
			})
		},
	}
	d.flags(cmd.Flags(), false)
	cmd.Flags().Int64Var(&from, "from", 0, "the `number` of the first event; events shows them, and an alarm the first that was given up")
	return cmd
}

// tryRoute sends a message by a route, or to a subscriber. It needs no ledger, and no bridge.
func (a *app) tryRoute(ctx context.Context, name string) error {
	c, err := a.config()
	if err != nil {
		return err
	}
	r, s := c.Route(name), c.Subscriber(name)
	switch {
	case r != nil:
		err = notify.Try(ctx, c, r, (&post.Office{}).Send, caller.Decision().Who)
	case s != nil:
		err = subscribe.Try(ctx, s, post.NewWeb(build.Read().Version).Event, caller.Decision().Who, time.Now().UTC())
	default:
		err = &usageError{fmt.Sprintf("the config has no route or subscriber %q", name),
			"they stand below notify and subscribers; see `orobridge help alarms`"}
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(a.Stdout, "%s has taken the message\n", name)
	return nil
}
