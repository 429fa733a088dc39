package main

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/csv"
	"github.com/orobridge/orobridge/formats/idoc"
)

func newInspectCommand(a *app) *cobra.Command {
	var feed string
	var records int
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "inspect FILE",
		Short: "Show what a file is, its first records, and where it would fail",
		Long: "inspect tells from a file's first bytes what it is and reads it to its end as a feed would: with --feed in that feed's\n" +
			"format and mapping, else as an IDoc or as canonical CSV if it looks like one. Shop and ledger are not asked, and nothing\n" +
			"is written. It exits with 1 when the file can't be read to its end.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.inspect(cmd.Context(), args[0], feed, records)
		},
	})
	cmd.Flags().StringVar(&feed, "feed", "", "read it as this `feed` of the config would")
	cmd.Flags().IntVar(&records, "records", 5, "show so many records")
	return cmd
}

func (a *app) inspect(ctx context.Context, path, feed string, records int) error {
	v, err := operate.Look(path)
	if err != nil {
		return err
	}
	f, err := a.feed(feed)
	if err != nil {
		return err
	}
	if f = cmp.Or(f, likely(v)); f != nil {
		if err := v.Read(ctx, f, records); err != nil {
			return err
		}
	}
	if err := a.PrintInspection(v); err != nil {
		return err
	}
	if v.Failure != nil {
		return exit(exitFailed)
	}
	return nil
}

// likely is a feed that could read the file, made of what it looks like; nil when nothing tells.
func likely(v *operate.Inspection) *config.Feed {
	if f := reading(v); f.Entity != nil {
		return f
	}
	return nil
}

// reading is what tells how to read the file, and perhaps what it holds.
func reading(v *operate.Inspection) *config.Feed {
	guess := v.Is
	f := &config.Feed{}
	if v.Inside != nil {
		guess = *v.Inside
		f.Unwrap = []config.Wrapping{{Kind: v.Is.Kind}}
	}
	switch guess.Kind {
	case "idoc":
		format := &idoc.Options{Encoding: guess.Encoding, Test: "accept"}
		format.SetClock(time.Now)
		message := guess.Message
		if idoc.EntityOf(message) == nil { // a system's own message type, or none
			message = idoc.MessageOf(guess.Segment)
			if guess.Message != "" && message != "" {
				format.Messages = map[string]string{guess.Message: message}
			}
		}
		f.Format, f.Entity = format, idoc.EntityOf(message)
	case "csv":
		f.Format, f.Entity = &csv.Options{Delimiter: guess.Delimiter, Encoding: guess.Encoding}, holding(guess.Columns)
	}
	return f
}

// holding is the entity whose canonical columns a file has.
func holding(columns []string) *formats.Entity {
	var best *formats.Entity
	most := 0
	for _, e := range formats.Entities {
		known, whole := 0, true
		for i := range e.Fields {
			f := &e.Fields[i]
			has := slices.Contains(columns, f.Name)
			if has {
				known++
			}
			whole = whole && (has || !f.Key && !f.Required || f.Default != "")
		}
		if whole && known > most {
			best, most = e, known
		}
	}
	return best
}
