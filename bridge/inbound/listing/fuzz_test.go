package listing_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
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

// FuzzSift: whatever names a server lists, each file is taken, refused or left alone; one that is taken has a name that leads nowhere else,
// and one that is refused is told by a name that can be printed.
func FuzzSift(f *testing.F) {
	f.Add("a.csv", "../a.csv", uint8(0))
	f.Add("a.csv.ok", ".a.csv\x00", uint8(1))
	f.Add("dir/a.csv", "CON.csv\u202e", uint8(2))
	f.Add("\xff.csv", strings.Repeat("x", 300)+".csv", uint8(3))
	var match config.Pattern
	if err := match.UnmarshalText([]byte("*.csv")); err != nil {
		f.Fatal(err)
	}
	feed := &config.Feed{Match: match, Ready: config.Ready{Marker: ".ok"}}
	f.Fuzz(func(t *testing.T, x, y string, kind uint8) {
		all := []bridge.File{{Name: x, Dir: kind&1 != 0, Special: kind&2 != 0}, {Name: y, Writing: kind&4 != 0, Special: kind&8 != 0}}
		s := listing.Sift(feed, all)
		if n := len(s.Files) + len(s.Markers) + len(s.Refused) + s.Foreign; n > len(all) {
			t.Errorf("%d of %d files: %+v", n, len(all), s)
		}
		for _, file := range s.Files {
			if bridge.SafeName(file.Name) != nil || file.Special || file.Dir {
				t.Errorf("%+v is taken", file)
			}
		}
		for _, r := range s.Refused {
			if r.Why == "" || strings.ContainsFunc(r.Name, unicode.IsControl) || strings.Contains(r.Name, "\u202e") || len(r.Name) > 5*bridge.MaxName {
				t.Errorf("%+v is refused", r)
			}
		}
	})
}
