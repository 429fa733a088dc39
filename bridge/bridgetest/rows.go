package bridgetest

import (
	"os"
	"path/filepath"
)

// rejectFile is the one reject file of the products' feed.
func (w *World) RejectFile() []byte {
	w.T.Helper()
	files, err := filepath.Glob(filepath.Join(w.Folder, "products/rejected/*_rejects*"))
	if err != nil || len(files) != 1 {
		w.T.Fatalf("reject files: %v, %v", files, err)
	}
	body, err := os.ReadFile(files[0])
	if err != nil {
		w.T.Fatal(err)
	}
	return body
}

// nothingLeft wants nothing unwrapped in the spool any more.
func (w *World) NothingLeft() {
	w.T.Helper()
	if left, _ := filepath.Glob(filepath.Join(w.B.In.Spool, "unwrapped-*")); len(left) > 0 {
		w.T.Errorf("%v are left in the spool", left)
	}
}
