package orotest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// How alike the box and the shop must be.
const (
	leastCompared  = 1100
	leastIdentical = 0.95
	leastStatus    = 0.99
)

// unlike are the exchanges that are not compared, with the reason: what they show depends on what else the recorded
// installation held, or on something outside the shop.
var unlike = map[string]string{
	"documents/001-rfq-list":                  ownGoods,
	"documents/002-rfq-list-updated":          ownGoods,
	"documents/005-rfq-one-with-all":          ownGoods,
	"documents/006-rfq-filter-status":         ownGoods,
	"documents/015-quote-list":                ownGoods,
	"documents/016-quote-one-with-all":        ownGoods,
	"documents/043-customeruser-filter-id-gt": ownGoods,
	"documents/045-customeruser-sort-id":      ownGoods,
	"documents/047-rfq-patch-internal-note":   ownGoods,
	"documents/050-rfq-filter-id-gt":          ownGoods,
	"order-parts/026-order-after-add":         "a new line stands first: without an order of its own, the list is in that of the database's pages",
}

const ownGoods = "it shows requests, quotes or users of the recorded installation's own sample data"

// exchange is a line of testdata/differential: one exchange with a real shop, without the headers that all have.
// A null header is one that all others have, but not this.
type exchange struct {
	Name          string            `json:"name"`
	Method        string            `json:"method"`
	Path          string            `json:"path"`
	Headers       map[string]string `json:"headers"`
	Body          json.RawMessage   `json:"body"`
	Status        int               `json:"status"`
	AnswerHeaders map[string]string `json:"answerHeaders"`
	Answer        any               `json:"answer"`
	Delivery      json.RawMessage   `json:"delivery"`
}

// recording is the exchange in full.
func (x *exchange) recording(t *testing.T) *recording {
	t.Helper()
	rec := new(recording)
	if x.Delivery != nil {
		if err := json.Unmarshal(x.Delivery, &rec.Delivery); err != nil {
			t.Fatalf("%s: %v", x.Name, err)
		}
		return rec
	}
	q, a := &rec.Request, &rec.Response
	q.Method, q.Path, q.Body = x.Method, x.Path, x.Body
	q.Headers = map[string]string{"Accept": mediaType, "Authorization": "Bearer <token>"}
	if x.Method == http.MethodPost || x.Method == http.MethodPatch {
		q.Headers["Content-Type"] = mediaType
	}
	a.Status, a.Body = x.Status, x.Answer
	a.Headers = map[string]string{"Content-Type": mediaType, "Cache-Control": "must-revalidate, no-cache, no-store, private"}
	for _, h := range []struct{ to, from map[string]string }{{q.Headers, x.Headers}, {a.Headers, x.AnswerHeaders}} {
		for k, v := range h.from {
			if v == "" {
				delete(h.to, k)
				continue
			}
			h.to[k] = v
		}
	}
	return rec
}

// TestDifferential sends what was recorded to find out where an imitation differs, group by group.
func TestDifferential(t *testing.T) {
	files, err := filepath.Glob("testdata/differential/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no exchanges: %v", err)
	}
	var total score
	for _, file := range files {
		group := strings.TrimSuffix(filepath.Base(file), ".jsonl")
		t.Run(group, func(t *testing.T) {
			s := playGroup(t, group, file)
			t.Logf("%s: %d of %d identical, %d equal in status", group, s.identical, s.compared, s.status)
			total.compared, total.identical, total.status = total.compared+s.compared, total.identical+s.identical, total.status+s.status
		})
	}
	if t.Failed() || total.compared == 0 {
		return
	}
	fmt.Printf("differential: %d of %d compared identical, %d equal in status\n", total.identical, total.compared, total.status)
	if os.Getenv("OROTEST_PART") != "" {
		return
	}
	if total.compared < leastCompared {
		t.Errorf("%d exchanges were compared, want at least %d", total.compared, leastCompared)
	}
	if share := float64(total.identical) / float64(total.compared); share < leastIdentical {
		t.Errorf("%.1f %% are identical, want %.0f %%", 100*share, 100*leastIdentical)
	}
	if share := float64(total.status) / float64(total.compared); share < leastStatus {
		t.Errorf("%.1f %% are equal in status, want %.0f %%", 100*share, 100*leastStatus)
	}
}

type score struct{ compared, identical, status int }

func playGroup(t *testing.T, group, file string) (s score) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rp := newReplay(t, "differential/"+group)
	defer rp.shop.Close()
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var x exchange
		if err := json.Unmarshal(lines.Bytes(), &x); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for rp.shop.StepQueue() { // the recorder waited
		}
		name := group + "/" + x.Name
		ids, back := maps.Clone(rp.ids), maps.Clone(rp.back)
		diffs := rp.play(t, "differential/"+name, x.recording(t))
		if strings.Contains(x.Name, "-setup-") {
			if len(diffs) > 0 {
				t.Logf("%s (not counted) differs:\n\t%s", name, strings.Join(diffs, "\n\t"))
			}
			continue
		}
		if reason, ok := unlike[name]; ok {
			if len(diffs) == 0 {
				t.Errorf("%s is listed as an exception (%s) but matches", name, reason)
			}
			if x.Method == http.MethodGet { // what it names is nothing that the box has
				rp.ids, rp.back = ids, back
			}
			continue
		}
		s.compared++
		if x.Delivery != nil || rp.status == x.Status {
			s.status++
		}
		if len(diffs) == 0 {
			s.identical++
			continue
		}
		t.Errorf("%s differs:\n\t%s", name, strings.Join(diffs, "\n\t"))
	}
	return s
}

// TestDocuments sends what was recorded of requests for quotes, quotes and notes.
func TestDocuments(t *testing.T) {
	s := playGroup(t, "documents", "testdata/documents/documents.jsonl")
	fmt.Printf("documents: %d of %d compared identical, %d equal in status\n", s.identical, s.compared, s.status)
}
