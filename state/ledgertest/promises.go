package ledgertest

import (
	"time"

	"github.com/orobridge/orobridge/bridge"
)

var promises = []test{
	{"a key is entered once, and its answer comes back", func(w *world) {
		p := bridge.Promise{Caller: "shop-admin", Key: "k ☃", Digest: "aa", At: at}
		enter := func(p bridge.Promise) *bridge.Promise {
			was, err := w.Promise(w.Context(), p)
			w.must(err)
			return was
		}
		w.is((*bridge.Promise)(nil), enter(p))
		w.again()
		w.is(&p, enter(p))
		other := p
		other.Caller = "somebody else"
		w.is((*bridge.Promise)(nil), enter(other))
		p.Status, p.Answer = 200, []byte(`{"drop":1}`)
		w.must(w.Fulfil(w.Context(), p))
		w.is(&p, enter(bridge.Promise{Caller: p.Caller, Key: p.Key, Digest: "bb", At: at}))

		other.Status = 0 // nothing was decided
		w.must(w.Fulfil(w.Context(), other))
		w.is((*bridge.Promise)(nil), enter(other))
		later := bridge.Promise{Caller: "x", Key: "y", At: at.Add(bridge.PromiseKept + time.Second)}
		w.is((*bridge.Promise)(nil), enter(later))
		w.is((*bridge.Promise)(nil), enter(p))
	}},
}
