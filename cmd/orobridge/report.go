package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

// reportEvents is how many of the last events a report holds.
const reportEvents = 300

func newReportCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "report [FILE]",
		Short: "Pack what others need to help you into one text file, without secrets",
		Long: "report writes versions, the config without its secrets and comments, what is wrong with it, the status, the files of the\n" +
			"state folder and the last events into one text file, and says what is in it. What can't be had is named there with the\n" +
			"reason. Nothing is sent anywhere. Names of files, keys and messages of rejects may stand in the events: read the\n" +
			"file before you give it away.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "orobridge-report-" + time.Now().UTC().Format("20060102T150405Z") + ".txt"
			if len(args) > 0 {
				name = args[0]
			}
			return report{a}.write(cmd.Context(), name)
		},
	}
}

// report writes the parts of one, each into the stdout of an app of its own.
type report struct{ *app }

// write writes each part, whatever became of the others.
func (a report) write(ctx context.Context, name string) error {
	var all bytes.Buffer
	var parts [][]string
	for _, part := range []struct {
		title string
		write func(report) error
	}{
		{"version", func(b report) error { return b.PrintJSON(readBuild()) }},
		{"config without secrets", report.config},
		{"problems of the config", report.problems},
		{"state folder", report.state},
		{"status", func(b report) error {
			return b.look(ctx, func(desk *operate.View) error {
				v, err := desk.Status(ctx)
				if err != nil {
					return err
				}
				return b.PrintJSON(v)
			})
		}},
		{fmt.Sprintf("the last %d events", reportEvents), func(b report) error {
			return b.look(ctx, func(desk *operate.View) error {
				return desk.Events(ctx, bridge.EventFilter{Last: reportEvents}, b.PrintEvent)
			})
		}},
	} {
		var text bytes.Buffer
		b := report{&app{Pen: show.Pen{Stdout: &text, Stderr: &text}, env: a.env, configPath: a.configPath}}
		if err := part.write(b); err != nil {
			b.app.report(err)
		}
		fmt.Fprintf(&all, "== %s\n%s\n", part.title, text.String())
		parts = append(parts, []string{part.title, fmt.Sprint(bytes.Count(text.Bytes(), []byte("\n")))})
	}
	if err := a.Table([]string{"PART", "LINES"}, parts, ""); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	_, err = f.Write(all.Bytes())
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	fmt.Fprintf(a.Stderr, "wrote %s, %d bytes. Read it before you give it away.\n", name, all.Len())
	return nil
}

func (a report) config() error {
	data, err := os.ReadFile(a.configPath)
	if err != nil {
		return err
	}
	text, err := config.Redact(data, kinds)
	if err != nil {
		return err
	}
	_, err = a.Stdout.Write(text)
	return err
}

// problems says what is wrong with the config; the secrets' own files and variables need not be there for whoever reports.
func (a report) problems() error {
	c, err := config.View(a.configPath, kinds, a.env)
	if err != nil {
		return err
	}
	for _, w := range c.Warnings {
		show.Say(a.Stdout, "warning", w.Error(), w.Hint)
	}
	return nil
}

// state lists the files of the state folder but for the spool's, of which it counts the bytes.
func (a report) state() error {
	c, err := config.View(a.configPath, kinds, a.env)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(c.State.Dir)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		size := info.Size()
		if e.IsDir() {
			size = 0
			inside, err := os.ReadDir(filepath.Join(c.State.Dir, e.Name()))
			if err != nil {
				return err
			}
			for _, f := range inside {
				if info, err := f.Info(); err == nil {
					size += info.Size()
				}
			}
		}
		rows = append(rows, []string{e.Name(), info.Mode().String(), fmt.Sprint(size), info.ModTime().UTC().Format(time.RFC3339)})
	}
	return a.Table([]string{"FILE", "MODE", "BYTES", "CHANGED"}, rows, "empty")
}
