package ledger

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestWhatKeysBeginAndEndWithStandsOnce(t *testing.T) {
	for name, c := range map[string]struct {
		keys []string
		want ends
	}{
		"prices":        {[]string{"R|SKU-01|item|EUR", "R|SKU-02|item|EUR", "R|SKU-10|item|EUR"}, ends{"R|SKU-", "|item|EUR"}},
		"nothing alike": {[]string{"a", "b", ""}, ends{}},
		"one in all":    {[]string{"aa", "aaa", "aaaa"}, ends{"aa", ""}},
		"the same":      {[]string{"abc"}, ends{"abc", ""}},
		"half a letter": {[]string{"größe-1ä", "grüße-1ä", "gräße-1ä"}, ends{"gr", ""}},
	} {
		var keys []string
		for len(keys) < severalKeys {
			keys = append(keys, c.keys...)
		}
		if got := endsOf(keys); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := endsOf([]string{"a", "a"}); got != (ends{}) {
		t.Errorf("of few keys nothing stands apart: %q", got)
	}
}

func FuzzEnds(f *testing.F) {
	f.Add("R|SKU-01|item", "R|SKU-02|item", "R|größe|item")
	f.Add("\xff\x80a", "\xff\x81a", "")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		keys := []string{a, b, c, a, b, c, a, b, c}
		e := endsOf(keys)
		for _, key := range keys {
			if rest, ok := e.rest(key); !ok || e.head+rest+e.tail != key {
				t.Errorf("%q is %q with %q", key, e, rest)
			}
		}
		for _, c := range []byte(e.head + e.tail) {
			if c >= utf8.RuneSelf {
				t.Errorf("%q may hold half a character", e)
			}
		}
		if rest, ok := e.rest(a + "x" + b); ok && e.head+rest+e.tail != a+"x"+b {
			t.Errorf("another key is %q with %q", e, rest)
		}
	})
}

func TestAUUIDIsKeptShort(t *testing.T) {
	for id, want := range map[string]string{
		"c3d9b7df-a576-25a4-c630-8d9ee532486f-2": "~w9m336V2JaTGMI2e5TJIbw-2",
		"c3d9b7df-a576-25a4-c630-8d9ee532486f":   "~w9m336V2JaTGMI2e5TJIbw",
		"C3D9B7DF-a576-25a4-c630-8d9ee532486f":   "C3D9B7DF-a576-25a4-c630-8d9ee532486f",
		"4711":                                   "4711",
		"~4711":                                  "~~4711",
	} {
		if got := shortID(id); got != want {
			t.Errorf("%s: %s", id, got)
		}
	}
}

func FuzzID(f *testing.F) {
	for _, id := range []string{"", "~", "~~", "c3d9b7df-a576-25a4-c630-8d9ee532486f-2", "~w9m336V2JaTGMI2e5TJIbw", "c3d9b7df-a576-25a4-c630-8d9ee532486g"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		short := shortID(id)
		if longID(short) != id || len(short) > len(id)+1 {
			t.Errorf("%q is kept as %q and comes back as %q", id, short, longID(short))
		}
		if long := longID(id); !strings.HasPrefix(id, shortened) && long != id { // whatever a damaged disk holds
			t.Errorf("%q comes back as %q", id, long)
		}
	})
}
