// Package report packs what others need to help somebody into one text file, without secrets.
//
// Contract: each part is written, whatever became of the others; one that can't be had is named there with the reason. Nothing is
// sent anywhere.
package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

// Part is what stands in a report under a title. The error of its writer is told there, by Failed.
type Part struct {
	Title string
	Write func(to *show.Pen) error
}

// Report is what one is made of.
type Report struct {
	Parts  []Part
	Failed func(to *show.Pen, err error)
}

// Write writes a file that is not there yet, for its owner alone, and tells how many lines each part has.
func (r *Report) Write(name string, tell *show.Pen) error {
	var all bytes.Buffer
	var lines [][]string
	for _, p := range r.Parts {
		var text bytes.Buffer
		to := &show.Pen{Stdout: &text, Stderr: &text}
		if err := p.Write(to); err != nil {
			r.Failed(to, err)
		}
		fmt.Fprintf(&all, "== %s\n%s\n", p.Title, text.String())
		lines = append(lines, []string{p.Title, fmt.Sprint(bytes.Count(text.Bytes(), []byte("\n")))})
	}
	if err := tell.Table([]string{"PART", "LINES"}, lines, ""); err != nil {
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
	fmt.Fprintf(tell.Stderr, "wrote %s, %d bytes. Read it before you give it away.\n", name, all.Len())
	return nil
}

// Config is the config of a path without its secrets and comments.
func Config(path string, kinds config.Kinds) Part {
	return Part{"config without secrets", func(to *show.Pen) error {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		text, err := config.Redact(data, kinds)
		if err != nil {
			return err
		}
		_, err = to.Stdout.Write(text)
		return err
	}}
}

// Problems says what is wrong with a config. View reads it without the secrets' own files and variables, which need not be there
// for whoever reports.
func Problems(view func() (*config.Config, error)) Part {
	return Part{"problems of the config", func(to *show.Pen) error {
		c, err := view()
		if err != nil {
			return err
		}
		for _, w := range c.Warnings {
			show.Say(to.Stdout, "warning", w.Error(), w.Hint)
		}
		return nil
	}}
}

// Good says that a config is good, and what only people know whether it is meant.
func Good(w io.Writer, path string, c *config.Config) {
	fmt.Fprintf(w, "%s is good: %d remotes, %d feeds, %d exports\n", path, len(c.Remotes), len(c.Feeds), len(c.Exports))
	for _, n := range c.Notes {
		show.Say(w, "note", n.Error(), n.Hint)
	}
}

// State lists the files of the state folder, and of the folders in it how many bytes they hold.
func State(view func() (*config.Config, error)) Part {
	return Part{"state folder", func(to *show.Pen) error {
		c, err := view()
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
				if size, err = inside(filepath.Join(c.State.Dir, e.Name())); err != nil {
					return err
				}
			}
			rows = append(rows, []string{e.Name(), info.Mode().String(), fmt.Sprint(size), info.ModTime().UTC().Format(time.RFC3339)})
		}
		return to.Table([]string{"FILE", "MODE", "BYTES", "CHANGED"}, rows, "empty")
	}}
}

// inside is how many bytes the files of a folder have. One that goes meanwhile has none.
func inside(folder string) (size int64, err error) {
	entries, err := os.ReadDir(folder)
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			size += info.Size()
		}
	}
	return size, err
}
