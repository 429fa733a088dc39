package operate

import (
	"context"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// Transfer is one thing that a partner did at a server of the bridge's own, or was refused: a session, an upload, a download, a
// rename, a deletion. What has no meaning for its kind is empty.
type Transfer struct {
	ID      int64            `json:"id"`
	At      *time.Time       `json:"at"` // when it was over
	Kind    bridge.EventKind `json:"kind"`
	Remote  string           `json:"remote"`
	User    string           `json:"user"` // of a refused login: the name that was tried
	Address string           `json:"address"`
	Session string           `json:"session"` // the same for all of a session; none before the login
	Known   bool             `json:"known"`   // of what was before the login: the name is a partner's, or one may be at the address
	Client  string           `json:"client"`  // of a session: what the client calls itself
	File    string           `json:"file"`    // its path as the bridge sees it
	Target  string           `json:"target"`  // of a rename: the new path
	Bytes   int64            `json:"bytes"`   // that were moved
	Size    int64            `json:"size"`    // of the file, when it was over
	SHA256  string           `json:"sha256"`  // of the whole file, when it was over; none of one that went in part
	Seconds float64          `json:"seconds"` // of a transfer or a session
	Whole   bool             `json:"whole"`   // of a download: the partner has the whole file
	Broken  bool             `json:"broken"`  // the connection died in the middle, or a write failed
	Export  string           `json:"export"`  // of an order that was fetched
	Order   string           `json:"order"`
	Text    string           `json:"text"`  // how the partner logged in, why the session ended, what was refused
	Times   int              `json:"times"` // so many like it are told by this one, which is the last of them
	FirstAt *time.Time       `json:"first_at"`
}

func newTransfer(e *bridge.Event) Transfer {
	v := e.Visit
	return Transfer{ID: e.ID, At: moment(e.At), Kind: e.Kind, Remote: v.Remote, User: v.User, Address: v.Address,
		Session: v.Session, Known: v.Known, Client: v.Client, File: e.File, Target: v.Target, Bytes: e.Bytes, Size: v.Size,
		SHA256: e.SHA256, Seconds: v.Took.Seconds(), Whole: v.Whole, Broken: v.Broken, Export: e.Export, Order: e.Order, Text: e.Text,
		Times: v.Times, FirstAt: moment(v.Since)}
}

// Transfers lists what partners did at the bridge's own servers, by the times when it was over: a transfer is entered once its
// hash is known, when the partner may have gone on. A user that is asked for need not be in the
// config: strangers try many names.
func (k *View) Transfers(ctx context.Context, f bridge.EventFilter) ([]Transfer, error) {
	f.Visits, f.Of = true, k.whose()
	var events []*bridge.Event
	err := k.Ledger.Events(ctx, f, func(e *bridge.Event) error {
		events = append(events, e)
		return nil
	})
	slices.SortStableFunc(events, func(a, b *bridge.Event) int { return a.At.Compare(b.At) })
	list := make([]Transfer, len(events))
	for i, e := range events {
		list[i] = newTransfer(e)
	}
	return list, err
}
