package listing_test

import (
	"bytes"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound/listing"
)

// FuzzManifest: whatever a sender writes, no name of an entry leaves its folder, none stands twice, and no number is negative but
// the -1 of one that is not said.
func FuzzManifest(f *testing.F) {
	f.Add([]byte("file,rows,size,sha256\na.csv,1,10,\nb.csv,,,e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"))
	f.Add([]byte("a.csv\nb.csv\n"))
	f.Add([]byte("\xef\xbb\xbffile;rows\r\n\"../a\";-1\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, err := listing.ReadManifest(bytes.NewReader(text))
		seen := map[string]bool{}
		for _, e := range entries {
			if err != nil || bridge.SafeName(e.Name) != nil || seen[e.Name] || e.Rows < -1 || e.Size < -1 {
				t.Errorf("%+v, %v", e, err)
			}
			seen[e.Name] = true
		}
	})
}
