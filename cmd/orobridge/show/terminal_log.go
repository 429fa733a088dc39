package show

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// eraseLine goes to the beginning of a terminal's line and empties it.
const eraseLine = "\r\x1b[K"

// terminalLog writes log lines for the eyes of a person at a terminal: the time of day, what happened and to what, the rest in
// words. What is no event of the bridge is written in the same way, with all its attributes.
type terminalLog struct {
	out   io.Writer
	mu    *sync.Mutex
	level slog.Level
	attrs []slog.Attr
}

// NewTerminalLog makes a handler that writes lines of a level and above.
func NewTerminalLog(out io.Writer, level slog.Level) slog.Handler {
	return &terminalLog{out: out, mu: &sync.Mutex{}, level: level}
}

// Enabled implements slog.Handler.
func (h *terminalLog) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

// WithAttrs implements slog.Handler.
func (h *terminalLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.attrs = append(slices.Clone(h.attrs), attrs...)
	return &with
}

// WithGroup implements slog.Handler. Nothing here logs in groups.
func (h *terminalLog) WithGroup(string) slog.Handler { return h }

// subjects are the attributes that say what a line is about: their values tell enough.
var subjects = []string{"feed", "export", "file", "order", "work", "alarm"}

// tooLong are attributes that are left out: `orobridge events` has them.
var tooLong = []string{"sha256", "bytes", "run", "batch"}

// Handle implements slog.Handler.
func (h *terminalLog) Handle(_ context.Context, r slog.Record) error {
	var about, rest []string
	text, hint := "", ""
	add := func(a slog.Attr) bool {
		a = PrintableAttr(nil, a)
		switch value := a.Value.String(); {
		case a.Key == "text":
			text = value
		case a.Key == "hint":
			hint = value
		case slices.Contains(subjects, a.Key):
			about = append(about, value)
		case a.Key == "drop":
			about = append(about, "drop "+value)
		case !slices.Contains(tooLong, a.Key):
			rest = append(rest, a.Key+" "+value)
		}
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	line := r.Time.Local().Format("15:04:05") + " "
	if r.Level != slog.LevelInfo {
		line += strings.ToLower(r.Level.String()) + ": "
	}
	line += Printable(r.Message)
	if len(about) > 0 {
		line += " " + strings.Join(about, " ")
	}
	if len(rest) > 0 {
		line += " (" + strings.Join(rest, ", ") + ")"
	}
	if text != "" {
		line += ": " + text
	}
	if hint != "" {
		line += "\n         hint: " + hint
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := fmt.Fprintln(h.out, eraseLine+line) // over the progress that may stand there
	return err
}

// PrintableAttr makes every text of a log line printable, whoever logs it.
func PrintableAttr(_ []string, attr slog.Attr) slog.Attr {
	switch v := attr.Value.Any().(type) {
	case string:
		attr.Value = slog.StringValue(Printable(v))
	case error:
		attr.Value = slog.StringValue(Printable(v.Error()))
	}
	return attr
}
