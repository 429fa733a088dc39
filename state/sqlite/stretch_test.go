package sqlite

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
)

func TestLinksArePackedInTheirOrder(t *testing.T) {
	good := packedRefs{keys: []byte("AB\n,CD"), sizes: []byte("1,3,2"), ids: []byte("7,8,9"), prints: []byte("-1,0,9223372036854775807")}
	got := map[string]bridge.LinkRef{}
	n, err := good.each(func(key []byte, r bridge.LinkRef) { got[string(key)] = r })
	want := map[string]bridge.LinkRef{"A": {ID: 7, Fingerprint: -1}, "B\n,": {ID: 8}, "CD": {ID: 9, Fingerprint: 1<<63 - 1}}
	if diff := cmp.Diff(want, got); n != 3 || err != nil || diff != "" {
		t.Errorf("%d, %v, %s", n, err, diff)
	}
	for name, bad := range map[string]packedRefs{
		"in another order":   {keys: []byte("BA"), sizes: []byte("1,1"), ids: []byte("1,2"), prints: []byte("1,2")},
		"a key lacks":        {keys: []byte("A"), sizes: []byte("1,1"), ids: []byte("1,2"), prints: []byte("1,2")},
		"a number lacks":     {keys: []byte("AB"), sizes: []byte("1,1"), ids: []byte("1"), prints: []byte("1,2")},
		"a number is no one": {keys: []byte("A"), sizes: []byte("1"), ids: []byte("1"), prints: []byte("1.5")},
	} {
		if _, err := bad.each(func([]byte, bridge.LinkRef) {}); !errors.Is(err, errPacked) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
