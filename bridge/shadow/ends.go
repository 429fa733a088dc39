package shadow

import (
	"context"
	"errors"
	"io"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/formats"
)

// ErrWrites says that a shadow was about to write. Nothing was written; that it came so far is a fault of the bridge.
var ErrWrites = errors.New("a shadow writes nothing; please report this")

func refuse(op, object string) error {
	return &bridge.Error{Op: op, Object: object, Fate: bridge.Stop, Err: ErrWrites}
}

// reads is a shop that can only be read.
type reads struct{ shop inbound.Shop }

var _ inbound.Shop = reads{}

func (r reads) Find(ctx context.Context, e *formats.Entity, records []*formats.Record) ([]bridge.Lookup, error) {
	return r.shop.Find(ctx, e, records)
}

func (r reads) Incomplete(ctx context.Context, e *formats.Entity, records []*formats.Record) ([]*formats.Lack, error) {
	return r.shop.Incomplete(ctx, e, records)
}

func (r reads) All(ctx context.Context, e *formats.Entity, fields []string, each func(key string, found bridge.Found) error) error {
	return r.shop.All(ctx, e, fields, each)
}

func (r reads) Requests() int64 { return r.shop.Requests() }

func (r reads) Submit(_ context.Context, b *bridge.Batch) (string, map[int]bridge.Outcome, error) {
	return "", nil, refuse("send", "batch of "+b.Entity)
}

func (r reads) Await(_ context.Context, b *bridge.Batch) ([]bridge.Outcome, error) {
	return nil, refuse("follow", "batch of "+b.Entity)
}

func (r reads) Drain(_ context.Context, e *formats.Entity) error {
	return refuse("wait for", "batches of "+e.Name)
}

func (r reads) ApplyFeedback(_ context.Context, answer *formats.Record, _ string) (bridge.Answer, error) {
	return bridge.Answer{}, refuse("answer", "order "+answer.Key)
}

// looks is a remote that can only be read.
type looks struct {
	remote bridge.Remote
	name   string
}

var _ bridge.Remote = looks{}

func (l looks) List(ctx context.Context, folder string) ([]bridge.File, error) {
	return l.remote.List(ctx, folder)
}

func (l looks) Stat(ctx context.Context, path string) (bridge.File, error) {
	return l.remote.Stat(ctx, path)
}

func (l looks) Fetch(ctx context.Context, path string, w io.Writer) (int64, error) {
	return l.remote.Fetch(ctx, path, w)
}

func (l looks) Watch(ctx context.Context, folder string) (<-chan struct{}, error) {
	return l.remote.Watch(ctx, folder)
}

func (l looks) Put(_ context.Context, path string, _ io.ReadSeeker) error {
	return refuse("write", bridge.FileObject(l.name, path))
}

func (l looks) Move(_ context.Context, from, _ string) error {
	return refuse("move", bridge.FileObject(l.name, from))
}

func (l looks) Remove(_ context.Context, path string) error {
	return refuse("delete", bridge.FileObject(l.name, path))
}

func (l looks) MakeFolder(_ context.Context, folder string) error {
	return refuse("make", bridge.FileObject(l.name, folder))
}

// Check writes, to find out whether it may.
func (l looks) Check(context.Context) []bridge.Finding {
	return []bridge.Finding{{Subject: "remote " + l.name, What: "is only read", OK: true}}
}

func (l looks) Close() error { return l.remote.Close() }
