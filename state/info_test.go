package state

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// The hash of a spooled file that is compressed is that of what was fetched; of one that is cut off there is none.
func TestTheHashOfACompressedCopyIsOfWhatWasFetched(t *testing.T) {
	text := []byte(strings.Repeat("SKU-1,Bolt\n", 1000))
	sum := sha256.Sum256(text)
	zip, err := zstd.NewWriter(nil)
	must(t, err)
	packed, path := zip.EncodeAll(text, nil), filepath.Join(t.TempDir(), "7"+packedFile)
	must(t, os.WriteFile(path, packed, 0o600))
	if got, err := hashOf(t.Context(), path); err != nil || got != hex.EncodeToString(sum[:]) {
		t.Errorf("%s, %v", got, err)
	}
	must(t, os.WriteFile(path, packed[:len(packed)-8], 0o600))
	if got, err := hashOf(t.Context(), path); err == nil {
		t.Errorf("of a damaged one: %s", got)
	}
}
