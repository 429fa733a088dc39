package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// traceView is all that the ledger knows about a key.
type traceView struct {
	Entity  string            `json:"entity"`
	Key     string            `json:"key"`
	OroID   string            `json:"oro_id"`
	Content map[string]string `json:"content"` // what the shop last accepted
	Removed bool              `json:"removed"`
	Drop    int64             `json:"drop"` // that set it; 0: adopted from the shop
	Run     int64             `json:"run"`
	Line    int64             `json:"line"`
	At      *time.Time        `json:"at"`
	Parked  *parkedView       `json:"parked"`
	History []eventView       `json:"history"`
}

type eventView struct {
	At     *time.Time        `json:"at"`
	Fate   bridge.RowFate    `json:"fate"`
	Drop   int64             `json:"drop"`
	Run    int64             `json:"run"`
	Line   int64             `json:"line"`
	Sent   map[string]string `json:"sent"`
	Detail string            `json:"detail,omitempty"`
}

func asMap(values []formats.Value) map[string]string {
	m := make(map[string]string, len(values))
	for _, v := range values {
		m[v.Field] = v.Text
	}
	return m
}

func newTraceCommand(a *app) *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "trace ENTITY KEY",
		Short: "Show which drop, line and run set a key, and its history",
		Long: "trace shows what the shop last accepted under a key, and everything that happened to it. A key of several parts is written\n" +
			"with | between them: trace prices 'Retail|SKU1|item|1|EUR'.",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if _, ok := formats.EntityByName(args[0]); !ok && args[0] != "orders" {
				return &usageError{fmt.Sprintf("there is no entity %q", args[0]), "entities are customers, products, pricelists, prices, inventory, order_feedback, orders"}
			}
			_, ledger, err := a.viewer(cmd.Context())
			if err != nil {
				return err
			}
			defer closing(ledger, &err)
			v := traceView{Entity: args[0], Key: args[1], Content: map[string]string{}, History: []eventView{}}
			links, err := ledger.Links(cmd.Context(), v.Entity, []string{v.Key})
			if err != nil {
				return err
			}
			if k := links[v.Key]; k != nil {
				v.OroID, v.Content, v.Removed, v.Drop, v.Run, v.Line, v.At = k.OroID, asMap(k.Content), k.Removed, k.Drop, k.Run, k.Line, when(k.At)
			}
			events, err := ledger.History(cmd.Context(), v.Entity, v.Key)
			if err != nil {
				return err
			}
			for _, e := range events {
				v.History = append(v.History, eventView{when(e.At), e.Fate, e.Drop, e.Run, e.Line, asMap(e.Sent), e.Detail})
			}
			err = ledger.Parked(cmd.Context(), "", time.Time{}, func(p bridge.ParkedRow) error {
				if p.Entity == v.Entity && p.Key == v.Key {
					w := viewParked(p)
					v.Parked = &w
				}
				return nil
			})
			if err != nil {
				return err
			}
			return a.printTrace(v)
		},
	})
}

func (a *app) printTrace(v traceView) error {
	if v.OroID == "" && v.Parked == nil && len(v.History) == 0 {
		return &bridge.Error{Op: "trace", Object: v.Entity + " " + printable(v.Key), Err: bridge.ErrUnknown,
			Hint: "write the key as the files have it, its parts with | between them; see orobridge trace --help"}
	}
	if a.json {
		return a.printJSON(v)
	}
	fmt.Fprintf(a.stdout, "%s %s\n", v.Entity, printable(v.Key))
	if v.OroID != "" {
		fmt.Fprintf(a.stdout, "  in the shop  id %s\n  set by       drop %d, line %d, run %d, %s\n", printable(v.OroID), v.Drop, v.Line, v.Run, moment(v.At))
		fmt.Fprintf(a.stdout, "  content      %s\n", printable(compact(v.Content)))
	}
	if v.Parked != nil {
		fmt.Fprintf(a.stdout, "  parked       drop %d, line %d waits for %s\n", v.Parked.Drop, v.Parked.Line, printable(v.Parked.WaitsFor))
	}
	for _, e := range v.History {
		fmt.Fprintf(a.stdout, "%s  %-9s drop %d, line %d, run %d  %s%s\n", moment(e.At), e.Fate, e.Drop, e.Line, e.Run, printable(compact(e.Sent)), printable(" "+e.Detail))
	}
	return nil
}

// parkedView is a record that waits for its parent.
type parkedView struct {
	Entity   string            `json:"entity"`
	Key      string            `json:"key"`
	WaitsFor string            `json:"waits_for"`
	Feed     string            `json:"feed"`
	Drop     int64             `json:"drop"`
	Line     int64             `json:"line"`
	Since    *time.Time        `json:"since"`
	Row      map[string]string `json:"row"`
}

func viewParked(p bridge.ParkedRow) parkedView {
	return parkedView{Entity: p.Entity, Key: p.Key, WaitsFor: p.Missing.Entity + " " + p.Missing.Key, Feed: p.Feed, Drop: p.Drop, Line: p.Line,
		Since: when(p.Since), Row: p.Raw}
}

func newParkedCommand(a *app) *cobra.Command {
	var feed string
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "parked",
		Short: "List rows that wait for a parent, by what they wait for",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			_, ledger, err := a.viewer(cmd.Context())
			if err != nil {
				return err
			}
			defer closing(ledger, &err)
			views := []parkedView{}
			err = ledger.Parked(cmd.Context(), feed, time.Time{}, func(p bridge.ParkedRow) error {
				views = append(views, viewParked(p))
				return nil
			})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(views)
			}
			sortBy(views, func(v parkedView) string { return v.WaitsFor })
			rows := make([][]string, len(views))
			for i, v := range views {
				rows[i] = []string{v.WaitsFor, v.Entity, v.Key, strconv.FormatInt(v.Drop, 10), strconv.FormatInt(v.Line, 10), moment(v.Since)}
			}
			return a.table([]string{"WAITS FOR", "ENTITY", "KEY", "DROP", "LINE", "SINCE"}, rows, "nothing is parked")
		},
	})
	cmd.Flags().StringVar(&feed, "feed", "", "only those of this `feed`")
	return cmd
}
