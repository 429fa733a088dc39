package bridgetest

import (
	"context"
	"os"
	"path/filepath"
)

func (w *World) Mkdir(name string) { w.Must(os.MkdirAll(filepath.Join(w.Folder, name), 0o755)) }

// crashAt makes rounds until the bridge dies at the n-th time that it comes to a step, or does not, and starts it again.
func (w *World) CrashAt(step string, n int) {
	w.T.Helper()
	type crash struct{}
	w.OnStep(func(name string) {
		if name == step {
			if n--; n == 0 {
				panic(crash{})
			}
		}
	})
	func() {
		defer func() {
			if r := recover(); r != nil && r != any(crash{}) {
				panic(r)
			}
		}()
		_ = w.B.Round(context.Background())
	}()
	w.Close()
	w.Open()
}
