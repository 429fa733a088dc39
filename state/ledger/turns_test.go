package ledger

import (
	"context"
	"testing"
	"testing/synctest"
)

func TestOrdersGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turn turns
		if err := turn.take(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		var came []string
		wait := func(ctx context.Context, name string, order bool) {
			go func() {
				if turn.take(ctx, order) != nil {
					came = append(came, name+" gave up")
					return
				}
				came = append(came, name)
				turn.give()
			}()
			synctest.Wait()
		}
		ctx, cancel := context.WithCancel(t.Context())
		wait(t.Context(), "import 1", false)
		wait(t.Context(), "import 2", false)
		wait(ctx, "order 1", true)
		wait(t.Context(), "order 2", true)
		wait(t.Context(), "order 3", true)
		cancel()
		synctest.Wait()
		turn.give()
		synctest.Wait()
		want := []string{"order 1 gave up", "order 2", "order 3", "import 1", "import 2"}
		for i := range want {
			if i >= len(came) || came[i] != want[i] {
				t.Fatalf("%v, want %v", came, want)
			}
		}
		if turn.taken {
			t.Error("nobody has the turn, but it is taken")
		}
	})
}
