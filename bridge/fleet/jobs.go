package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/orobridge/orobridge/bridge/daemon"
)

// River tells jobs apart by their kinds, which have a type each.
type (
	imports struct{ of }
	fronts  struct{ of }
	export  struct{ of }
	house   struct{ of }
)

// of is whose a job is: a shop's, or an export's; nobody's where there is one of its kind.
type of struct {
	Of string `json:"of"`
}

func (o of) whose() string { return o.Of }

// Kind implements river.JobArgs.
func (imports) Kind() string { return daemon.KindImports }

// Kind implements river.JobArgs.
func (fronts) Kind() string { return daemon.KindFronts }

// Kind implements river.JobArgs.
func (export) Kind() string { return daemon.KindExport }

// Kind implements river.JobArgs.
func (house) Kind() string { return daemon.KindHouse }

// args are those of a job of any kind.
type args interface {
	river.JobArgs
	whose() string
}

func argsOf(j daemon.Job) river.JobArgs {
	switch o := (of{j.Of}); j.Kind {
	case daemon.KindImports:
		return imports{o}
	case daemon.KindFronts:
		return fronts{o}
	case daemon.KindExport:
		return export{o}
	default:
		return house{o}
	}
}

// nameOf is the name of the job that a row is of.
func nameOf(row *rivertype.JobRow) string {
	var o of
	if json.Unmarshal(row.EncodedArgs, &o) != nil {
		return "" // of nobody's: it is not ours
	}
	return daemon.Job{Kind: row.Kind, Of: o.Of}.String()
}

// worker does the jobs of a kind.
type worker[T args] struct {
	river.WorkerDefaults[T]
	crew *crew
}

// Work implements river.Worker.
func (w *worker[T]) Work(ctx context.Context, job *river.Job[T]) error {
	return w.crew.do(ctx, daemon.Job{Kind: job.Kind, Of: job.Args.whose()}.String(), job.ID)
}

// digest is a hash of the names of jobs.
func digest(jobs []daemon.Job) string {
	var names []string
	for _, j := range jobs {
		names = append(names, j.String())
	}
	slices.Sort(names)
	sum := sha256.Sum256([]byte(strings.Join(names, "\n")))
	return hex.EncodeToString(sum[:6])
}

// calm hands on River's errors alone, and each message once a minute: while the database is away it has many of them.
type calm struct {
	to slog.Handler

	mu   sync.Mutex
	last map[string]time.Time
}

// Enabled implements slog.Handler.
func (h *calm) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelError && h.to.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *calm) Handle(ctx context.Context, r slog.Record) error {
	h.mu.Lock()
	again := r.Time.Sub(h.last[r.Message]) < time.Minute
	if !again {
		if h.last == nil {
			h.last = map[string]time.Time{}
		}
		h.last[r.Message] = r.Time
	}
	h.mu.Unlock()
	if again {
		return nil
	}
	return h.to.Handle(ctx, r)
}

// WithAttrs implements slog.Handler: River's have none.
func (h *calm) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup implements slog.Handler.
func (h *calm) WithGroup(string) slog.Handler { return h }
