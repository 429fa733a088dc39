package bridge_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
)

// Errors that were joined are told one by one, each with where it came about; a sentence that wraps two stays one.
func TestJoinedErrorsComeApart(t *testing.T) {
	down := &bridge.Error{Op: "connect", Object: "sap", Err: bridge.ErrUnreachable, Hint: "look whether the server runs"}
	sentence := fmt.Errorf("%w: %w", bridge.ErrLogin, errors.New("no such user"))
	err := errors.Join(bridge.Within("feed prices", errors.Join(down, errors.Join(sentence, nil))), nil, errors.New("two\nlines"))
	var texts []string
	for _, e := range bridge.Joined(err) {
		texts = append(texts, e.Error())
	}
	want := []string{"feed prices: connect sap: not reachable", "feed prices: login refused: no such user", "two\nlines"}
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if bridge.HintOf(bridge.Joined(err)[0]) != down.Hint || !errors.Is(err, bridge.ErrLogin) {
		t.Error("an error lost what it wraps")
	}
	if bridge.Within("feed prices", nil) != nil || bridge.Joined(nil) != nil {
		t.Error("nothing became an error")
	}
}
