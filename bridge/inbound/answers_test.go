package inbound_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

const anAnswerFeed = `
feeds:
  - { name: answers, entity: order_feedback, remote: disk, folder: answers, match: '*.csv', ready: { stable: 0s }, format: { kind: csv } }
`

// answered is a world in which orders O-0 … O-2 were written and answers come back.
func answered(t testing.TB, more string, options ...orotest.Option) *bridgetest.World {
	t.Helper()
	w := bridgetest.NewWorld(t, anAnswerFeed+fmt.Sprintf(bridgetest.AnExport, more),
		append([]orotest.Option{orotest.Seed(orotest.Sample)}, options...)...)
	w.Mkdir("answers")
	for i := range 3 {
		w.Submit(fmt.Sprintf("O-%d", i))
	}
	w.MustOut()
	return w
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
	w.Drop("answers", "a1.csv", someAnswers)
	w.Shop.JournalReset()
	w.Round()
	d, run := w.Last("answers")
	if want := (bridge.Counts{Rows: 7, Updated: 3, Unchanged: 1, Parked: 1, Rejected: 2}); run.Counts != want || d.State != bridge.Partial {
		t.Fatalf("%s %+v, want %+v\n%s\n%s", d.State, run.Counts, want, strings.Join(w.Rejects(d), "\n"), w.Log)
	}
	w.Want("O-0 v1 #1 answered\nO-1 v1 #2 answered refused\nO-2 v1 #3 written")
	order, err := w.Client.Order(t.Context(), "O-0")
	w.Must(err)
	if order.ExternalID != "4711" || order.ShippingStatus != "shipped" || w.Shop.Count("ordershippingtrackings") != 2 {
		t.Errorf("%+v, %d trackings", order, w.Shop.Count("ordershippingtrackings"))
	}
	if got := w.Alarms(); !slices.Equal(got, []string{"orders refused: O-1"}) {
		t.Errorf("%v", got)
	}

	// The last word of each again, in another file: nothing is written.
	before := w.Writes()
	w.Drop("answers", "a2.csv", "order,erp_order_number,status,shipping_status,tracking_method,tracking_number,message\n"+
		"O-0,4711,,shipped,ups,1Z2,\nO-0,,,,ups,1Z1,\nO-1,,refused,,,,no credit\n")
	w.Round()
	if _, run := w.Last("answers"); run.Unchanged != 3 || run.Rows != 3 || w.Writes() != before {
		t.Errorf("%+v, %d requests that write", run.Counts, w.Writes()-before)
	}
	// The whole file again: the orders end as they were.
	w.Drop("answers", "a3.csv", someAnswers+"\n")
	w.Round()
	if order, err = w.Client.Order(t.Context(), "O-0"); err != nil || order.ShippingStatus != "shipped" ||
		w.Shop.Count("ordershippingtrackings") != 2 {
		t.Errorf("%+v %v", order, err)
	}
	events, err := w.Ledger.History(t.Context(), "orders", "O-0")
	w.Must(err)
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
	w.Drop("answers", "a1.csv", "order,erp_order_number,tracking_number\nO-3,4713,\nO-3,,1Z\nO-4,4714,\n")
	w.Round()
	if _, run := w.Last("answers"); run.Parked != 3 {
		t.Fatalf("%+v", run.Counts)
	}
	w.Submit("O-3")
	w.MustOut()
	w.Round()
	order, err := w.Client.Order(t.Context(), "O-3")
	w.Must(err)
	if order.ExternalID != "4713" || w.Shop.Count("ordershippingtrackings") != 1 {
		t.Errorf("%+v", order)
	}
	w.Tick(80 * time.Hour)
	w.Round()
	w.Round()
	d, _ := w.Last("answers")
	if got := w.Rejects(d); len(got) != 1 || !strings.Contains(got[0], "O-4") || !strings.Contains(got[0], "parent") {
		t.Errorf("%v", got)
	}
	parked, err := w.Ledger.CountParked(t.Context(), "order_feedback")
	if err != nil || parked != 0 {
		t.Errorf("%d still wait, %v", parked, err)
	}
}

func TestAnAnswerMayNameItsOrderByTheNumberThatTheERPGaveIt(t *testing.T) {
	w := answered(t, "")
	const head = "order,erp_order_number,shipping_status,tracking_number\n"
	w.Drop("answers", "a1.csv", head+",4711,shipped,1Z1\n,4712,shipped,1Z2\n")
	w.Round()
	if _, run := w.Last("answers"); run.Parked != 2 {
		t.Fatalf("before anybody said whose numbers these are: %+v", run.Counts)
	}
	w.Drop("answers", "a2.csv", head+"O-0,4711,,\n,4711,,1Z3\n")
	w.Round()
	w.Round()
	order, err := w.Client.Order(t.Context(), "O-0")
	w.Must(err)
	if order.ExternalID != "4711" || order.ShippingStatus != "shipped" || w.Shop.Count("ordershippingtrackings") != 2 {
		t.Errorf("%+v, %d trackings\n%s", order, w.Shop.Count("ordershippingtrackings"), w.Log)
	}
	if parked, err := w.Ledger.CountParked(t.Context(), "order_feedback"); err != nil || parked != 1 {
		t.Errorf("%d wait, %v", parked, err)
	}
	w.Tick(80 * time.Hour)
	w.Round()
	w.Round()
	d, err := w.Ledger.Drop(t.Context(), 1)
	w.Must(err)
	if got := w.Rejects(d); len(got) != 1 || !strings.Contains(got[0], "4712") {
		t.Errorf("what nobody ever explained is %v", got)
	}
}

func TestAnUnansweredOrderIsAnAlarm(t *testing.T) {
	w := answered(t, ", answer_within: 24h")
	w.Tick(23 * time.Hour)
	w.MustOut()
	if got := w.Alarms(); len(got) != 0 {
		t.Errorf("%v", got)
	}
	w.Tick(2 * time.Hour)
	for range 3 {
		w.MustOut()
	}
	if got := w.Alarms(); !slices.Equal(got, []string{"orders unanswered: 3, the oldest is O-0"}) || w.Sounded(bridge.AlarmUnanswered) != 3 {
		t.Errorf("%v, %d", got, w.Sounded(bridge.AlarmUnanswered))
	}
	w.Drop("answers", "a1.csv", "order,erp_order_number\nO-0,1\nO-1,2\n")
	w.Round()
	if got := w.Alarms(); !slices.Equal(got, []string{"orders unanswered: O-2"}) {
		t.Errorf("%v", got)
	}
}

// TestAnswersGoOnAfterACrash kills the bridge at every step of a drop of answers and starts it again.
func TestAnswersGoOnAfterACrash(t *testing.T) {
	for _, step := range []string{"start run", "planned", "answer", "applied answer", "settle answer", "settled answer", "applied", "end"} {
		for nth := 1; nth <= 3; nth++ {
			t.Run(fmt.Sprintf("%s %d", step, nth), func(t *testing.T) {
				w := answered(t, "")
				w.Drop("answers", "a1.csv", someAnswers)
				w.CrashAt(step, nth)
				w.Round()
				w.Round()
				_, run := w.Last("answers")
				if run.Rows != 7 || run.Sum() != 7 || run.Parked != 1 || run.Rejected != 2 || run.Updated+run.Unchanged != 4 {
					t.Errorf("%+v", run.Counts)
				}
				if n := w.Shop.Count("ordershippingtrackings"); n != 2 {
					t.Errorf("%d trackings", n)
				}
				w.Want("O-0 v1 #1 answered\nO-1 v1 #2 answered refused\nO-2 v1 #3 written")
			})
		}
	}
}
