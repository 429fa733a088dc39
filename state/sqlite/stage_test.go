package sqlite

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

func newStage(t testing.TB) *stage {
	t.Helper()
	s, err := NewStage(t.Context(), t.TempDir(), formats.Products, 1)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s.(*stage)
}

// product is a change that creates a product.
func product(i int) *bridge.Staged {
	values := []formats.Value{{Field: "description", Text: strings.Repeat(fmt.Sprint(i, " words "), 20)}, {Field: "name", Text: fmt.Sprint("Bolt ", i)}}
	key := fmt.Sprint("SKU-", i)
	return &bridge.Staged{Change: bridge.Change{Key: key, Line: int64(i), Record: &formats.Record{Entity: formats.Products, Key: key,
		Values: values, Pos: formats.Position{Line: int64(i)}}}, Raw: append(bridge.Cells{{Field: "sku", Text: key}}, values...)}
}

func many(from, to int) (changes []*bridge.Staged) {
	for i := from; i < to; i++ {
		changes = append(changes, product(i))
	}
	return changes
}

// Keys that share a digest are told apart, also when one of them was dropped between.
func TestKeysOfAStageThatShareADigestAreToldApart(t *testing.T) {
	s := newStage(t)
	s.digest = func(key string) int64 { return int64(len(key)) }
	for _, page := range [][]*bridge.Staged{many(10, 20), many(20, 30)} {
		if repeats, err := s.Put(t.Context(), page); err != nil || len(repeats) != 0 {
			t.Fatalf("%d repeats, %v", len(repeats), err)
		}
	}
	must(t, s.Drop(t.Context(), "SKU-15"))
	repeats, err := s.Put(t.Context(), many(12, 18))
	must(t, err)
	if len(repeats) != 5 {
		t.Errorf("%d repeats", len(repeats))
	}
	for i := 10; i < 30; i++ {
		c, err := s.Get(t.Context(), fmt.Sprint("SKU-", i))
		must(t, err)
		want := product(i)
		if want.Seq = int64(i - 9); i == 15 {
			want.Seq = 21
		}
		if d := cmp.Diff(want, c, cmp.Comparer(func(a, b *formats.Entity) bool { return a == b })); d != "" {
			t.Errorf("%d: (-want +got)\n%s", i, d)
		}
	}
	if c, err := s.Get(t.Context(), "SKU-99"); err != nil || c != nil {
		t.Errorf("a key that was never put: %v, %v", c, err)
	}
}

// Keys that come in order are entered once one comes that is not behind the others, and all of them then.
func TestKeysInOrderAreEnteredOnceOneIsNot(t *testing.T) {
	s := newStage(t)
	entered := func() (n int) {
		must(t, s.db.QueryRow(`SELECT count(*) FROM keys`).Scan(&n))
		return n
	}
	for from := 1000; from < 4000; from += 1000 {
		repeats, err := s.Put(t.Context(), many(from, from+1000))
		must(t, err)
		if len(repeats) != 0 || entered() != 0 {
			t.Fatalf("%d repeats, %d keys entered", len(repeats), entered())
		}
	}
	if c, err := s.Get(t.Context(), "SKU-4000"); err != nil || c != nil || entered() != 0 {
		t.Errorf("a key behind all others: %v, %v, %d keys entered", c, err, entered())
	}
	repeats, err := s.Put(t.Context(), []*bridge.Staged{product(4000), product(1700), product(999), product(999)})
	must(t, err)
	if len(repeats) != 2 || repeats[0].Key != "SKU-1700" || repeats[1].Key != "SKU-999" || entered() != 3002 {
		t.Errorf("repeats %v, %d keys entered", repeats, entered())
	}
	for key, seq := range map[string]int64{"SKU-1000": 1, "SKU-2500": 1501, "SKU-3999": 3000, "SKU-4000": 3001, "SKU-999": 3002} {
		if c, err := s.Get(t.Context(), key); err != nil || c == nil || c.Seq != seq {
			t.Errorf("%s: %v, %v", key, c, err)
		}
	}
}

// Pages of any size come back in order, whatever the blocks in which they were put.
func TestAStageIsReadInPagesOfAnySize(t *testing.T) {
	s := newStage(t)
	const n = 700
	for from := 0; from < n; from += 350 {
		_, err := s.Put(t.Context(), many(from, from+350))
		must(t, err)
	}
	for _, size := range []int{1, 7, 199, n, 2 * n} {
		got := 0
		for after := int64(0); ; {
			page, err := s.Next(t.Context(), bridge.Undecided, after, size)
			must(t, err)
			if len(page) == 0 {
				break
			}
			for _, c := range page {
				if c.Seq != int64(got+1) || c.Key != fmt.Sprint("SKU-", got) {
					t.Fatalf("pages of %d: place %d has change %d, %s", size, got, c.Seq, c.Key)
				}
				got++
			}
			after = page[len(page)-1].Seq
		}
		if got != n {
			t.Errorf("pages of %d: %d changes", size, got)
		}
	}
}

func TestAPageOfLargeChangesHasFewOfThem(t *testing.T) {
	s := newStage(t)
	all := many(0, 5)
	for _, c := range all {
		for i := range 30_000 { // some 2 MB of cells
			c.Raw = append(c.Raw, formats.Value{Field: fmt.Sprint(i), Text: strings.Repeat("x", 40)})
		}
	}
	_, err := s.Put(t.Context(), all)
	must(t, err)
	var pages []int
	for after := int64(0); ; {
		page, err := s.Next(t.Context(), bridge.Undecided, after, 1000)
		must(t, err)
		if len(page) == 0 {
			break
		}
		pages, after = append(pages, len(page)), page[len(page)-1].Seq
	}
	if d := cmp.Diff([]int{2, 2, 1}, pages); d != "" {
		t.Error("(-want +got)\n", d)
	}
}

// What has its fate goes while the rest is on its way, and the file becomes smaller.
func TestAStageGivesRoomBackAsItIsSent(t *testing.T) {
	s := newStage(t)
	const n = 5000
	for from := 0; from < n; from += 1000 {
		_, err := s.Put(t.Context(), many(from, from+1000))
		must(t, err)
	}
	must(t, s.Replace(t.Context(), product(2500)))
	must(t, s.Drop(t.Context(), "SKU-10"))
	must(t, s.Planned(t.Context()))
	size := func() int64 {
		file, err := os.Stat(s.path)
		must(t, err)
		return file.Size()
	}
	whole := size()
	for after := int64(0); ; {
		page, err := s.Next(t.Context(), bridge.Undecided, after, 500)
		must(t, err)
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1].Seq
		for _, c := range page {
			c.Status = bridge.Finished
		}
		must(t, s.Save(t.Context(), page))
		left := n - int(after)
		if most := whole*int64(left+1000)/n + 8<<12; size() > most {
			t.Errorf("%d bytes for %d of %d changes, that were %d", size(), left, n, whole)
		}
	}
	must(t, s.Save(t.Context(), many(1, 2))) // of none that is there still
	if counts, err := s.Count(t.Context()); err != nil || len(counts) != 0 || size() > 16<<12 {
		t.Errorf("%v are left in %d bytes, %v", counts, size(), err)
	}
}
