package inbound_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/formats/envelope"
)

// TestAMessageThatComesAgainIsRefused: whoever can write into the folder, and not sign, puts an old message there again.
func TestAMessageThatComesAgainIsRefused(t *testing.T) {
	ours, oursPublic := keyPair(t, "shop")
	theirs, theirsPublic := keyPair(t, "erp")
	w := bridgetest.NewWorld(t, wrappedFeed(fmt.Sprintf("[{ kind: pgp, key_file: %s, passphrase: secret, signers: [%s], "+
		"signature: { fresh: true } }]", ours, theirsPublic)))
	signed := func(text string) string {
		var b bytes.Buffer
		s := envelope.Seal{Recipients: fileText(t, oursPublic), SignKey: fileText(t, theirs), Passphrase: "secret"}
		out, err := s.Writer(&b)
		w.Must(err)
		_, err = io.WriteString(out, text)
		w.Must(err)
		w.Must(out.Close())
		return b.String()
	}
	if s := w.Feed().Unwrap[0].Signature; s != (config.Signature{Is: "required", Fresh: true}) {
		t.Errorf("%+v", s)
	}
	const one = "sku,name,unit,precision\nB-1,%s,item,0\n"
	old := signed(fmt.Sprintf(one, "Table"))
	w.Drop("products", "p1.pgp", old)
	w.Round()
	w.Drop("products", "p2.pgp", signed(fmt.Sprintf(one, "Desk")))
	w.Round()
	w.Drop("products", "p3.pgp", old)
	w.Round()
	d, run := w.Last("products")
	if d.State != bridge.Rejected || run.Rows != 0 || !strings.Contains(d.Reason, "came with drop 1 already") {
		t.Fatalf("%s %q", d.State, d.Reason)
	}
	w.Drop("products", "p4.pgp", signed(fmt.Sprintf(one, "Table"))) // the sender itself says so again
	w.Round()
	if d, _ := w.Last("products"); d.State != bridge.Loaded {
		t.Fatalf("%s %q", d.State, d.Reason)
	}
	first, err := w.Ledger.Drop(t.Context(), 1)
	w.Must(err)
	_, err = w.B.In.Rerun(t.Context(), first, inbound.RerunOptions{}, bridge.Decision{})
	w.Must(err)
	w.Round()
	if first, err = w.Ledger.Drop(t.Context(), 1); err != nil || first.State != bridge.Loaded {
		t.Errorf("the first one, run again, is %s %q, %v", first.State, first.Reason, err)
	}
	w.NothingLeft()
}
