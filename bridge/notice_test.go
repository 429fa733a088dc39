package bridge_test

import (
	"context"
	"testing"

	"github.com/orobridge/orobridge/bridge"
)

// TestNotice ends waiting, and leaves the work its context; without a notice waiting ends with the work.
func TestNotice(t *testing.T) {
	work, cut := context.WithCancel(t.Context())
	within, give := bridge.WithNotice(work)
	defer give()
	until, end := bridge.UntilNotice(within)
	defer end()
	if err := bridge.Noticed(within); err != nil || until.Err() != nil {
		t.Error("before:", err, until.Err())
	}
	give()
	<-until.Done()
	if bridge.Noticed(within) == nil || within.Err() != nil {
		t.Error("after:", bridge.Noticed(within), within.Err())
	}
	alone, end := bridge.UntilNotice(work)
	defer end()
	cut()
	<-alone.Done()
	if err := bridge.Noticed(work); err != nil {
		t.Error("nobody gave notice:", err)
	}
}
