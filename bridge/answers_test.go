package bridge_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

const anAnswerFeed = `
feeds:
  - { name: answers, entity: order_feedback, remote: disk, folder: answers, match: '*.csv', ready: { stable: 0s }, format: { kind: csv } }
`

// answered is a world in which orders O-0 … O-2 were written and answers come back.
func answered(t testing.TB, more string, options ...orotest.Option) *world {
	t.Helper()
	w := newWorld(t, anAnswerFeed+fmt.Sprintf(anExport, more), append([]orotest.Option{orotest.Seed(orotest.Sample)}, options...)...)
	w.mkdir("answers")
	for i := range 3 {
		w.submit(fmt.Sprintf("O-%d", i))
	}
	w.mustOut()
	return w
}

func (w *world) writes() int {
	n := 0
	for _, r := range w.shop.Journal() {
		if r.Method != "GET" && strings.HasPrefix(r.Path, "/admin/api/") {
			n++
		}
	}
	return n
}

const someAnswers = `order,erp_order_number,status,shipping_status,tracking_method,tracking_number,message
O-0,4711,accepted,,,,
O-0,,,partially_shipped,ups,1Z1,
O-0,,,shipped,ups,1Z2,
O-1,,refused,,,,no credit
O-9,4712,accepted,,,,
O-2,,,lost,,,
,,,,,,
`

func TestAnswersReachTheirOrders(t *testing.T) {
	w := answered(t, "")
	w.drop("answers", "a1.csv", someAnswers)
	w.shop.JournalReset()
	w.round()
	d, run := w.last("answers")
	if want := (bridge.Counts{Rows: 7, Updated: 3, Unchanged: 1, Parked: 1, Rejected: 2}); run.Counts != want || d.State != bridge.Partial {
		t.Fatalf("%s %+v, want %+v\n%s\n%s", d.State, run.Counts, want, strings.Join(w.rejects(d), "\n"), w.log)
	}
	w.want("O-0 v1 #1 answered\nO-1 v1 #2 answered refused\nO-2 v1 #3 written")
	order, err := w.client.Order(t.Context(), "O-0")
	w.must(err)
	if order.ExternalID != "4711" || order.ShippingStatus != "shipped" || w.shop.Count("ordershippingtrackings") != 2 {
		t.Errorf("%+v, %d trackings", order, w.shop.Count("ordershippingtrackings"))
	}
	if got := w.alarms(); !slices.Equal(got, []string{"orders refused: O-1"}) {
		t.Errorf("%v", got)
	}

	// The last word of each again, in another file: nothing is written.
	before := w.writes()
	w.drop("answers", "a2.csv", "order,erp_order_number,status,shipping_status,tracking_method,tracking_number,message\nO-0,4711,,shipped,ups,1Z2,\nO-0,,,,ups,1Z1,\nO-1,,refused,,,,no credit\n")
	w.round()
	if _, run := w.last("answers"); run.Unchanged != 3 || run.Rows != 3 || w.writes() != before {
		t.Errorf("%+v, %d requests that write", run.Counts, w.writes()-before)
	}
	// The whole file again: the orders end as they were.
	w.drop("answers", "a3.csv", someAnswers+"\n")
	w.round()
	if order, err = w.client.Order(t.Context(), "O-0"); err != nil || order.ShippingStatus != "shipped" || w.shop.Count("ordershippingtrackings") != 2 {
		t.Errorf("%+v %v", order, err)
	}
	events, err := w.ledger.History(t.Context(), "orders", "O-0")
	w.must(err)
	n := 0
	for _, e := range events {
		if e.Fate == bridge.RowFate(bridge.Answered) {
			n++
		}
	}
	if n > 9 {
		t.Errorf("%d answers in the history", n)
	}
}

func TestAnAnswerWaitsForItsOrder(t *testing.T) {
	w := answered(t, "")
	w.drop("answers", "a1.csv", "order,erp_order_number,tracking_number\nO-3,4713,\nO-3,,1Z\nO-4,4714,\n")
	w.round()
	if _, run := w.last("answers"); run.Parked != 3 {
		t.Fatalf("%+v", run.Counts)
	}
	w.submit("O-3")
	w.mustOut()
	w.round()
	order, err := w.client.Order(t.Context(), "O-3")
	w.must(err)
	if order.ExternalID != "4713" || w.shop.Count("ordershippingtrackings") != 1 {
		t.Errorf("%+v", order)
	}
	w.tick(80 * time.Hour)
	w.round()
	w.round()
	d, _ := w.last("answers")
	if got := w.rejects(d); len(got) != 1 || !strings.Contains(got[0], "O-4") || !strings.Contains(got[0], "parent") {
		t.Errorf("%v", got)
	}
	parked, err := w.ledger.CountParked(t.Context(), "order_feedback")
	if err != nil || parked != 0 {
		t.Errorf("%d still wait, %v", parked, err)
	}
}

func TestAnUnansweredOrderIsAnAlarm(t *testing.T) {
	w := answered(t, ", answer_within: 24h")
	w.tick(23 * time.Hour)
	w.mustOut()
	if got := w.alarms(); len(got) != 0 {
		t.Errorf("%v", got)
	}
	w.tick(2 * time.Hour)
	for range 3 {
		w.mustOut()
	}
	if got := w.alarms(); !slices.Equal(got, []string{"orders unanswered: 3, the oldest is O-0"}) || w.sounded(bridge.AlarmUnanswered) != 3 {
		t.Errorf("%v, %d", got, w.sounded(bridge.AlarmUnanswered))
	}
	w.drop("answers", "a1.csv", "order,erp_order_number\nO-0,1\nO-1,2\n")
	w.round()
	if got := w.alarms(); !slices.Equal(got, []string{"orders unanswered: O-2"}) {
		t.Errorf("%v", got)
	}
}

// TestAnswersGoOnAfterACrash kills the bridge at every step of a drop of answers and starts it again.
func TestAnswersGoOnAfterACrash(t *testing.T) {
	for _, step := range []string{"start run", "planned", "answer", "applied answer", "settle answer", "settled answer", "applied", "end"} {
		for nth := 1; nth <= 3; nth++ {
			t.Run(fmt.Sprintf("%s %d", step, nth), func(t *testing.T) {
				w := answered(t, "")
				w.drop("answers", "a1.csv", someAnswers)
				w.crashAt(step, nth)
				w.round()
				w.round()
				_, run := w.last("answers")
				if run.Rows != 7 || run.Sum() != 7 || run.Parked != 1 || run.Rejected != 2 || run.Updated+run.Unchanged != 4 {
					t.Errorf("%+v", run.Counts)
				}
				if n := w.shop.Count("ordershippingtrackings"); n != 2 {
					t.Errorf("%d trackings", n)
				}
				w.want("O-0 v1 #1 answered\nO-1 v1 #2 answered refused\nO-2 v1 #3 written")
			})
		}
	}
}
