package inbound_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/inbound"
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
	if want := (bridge.Counts{Rows: 7, Updated: 4, Parked: 1, Rejected: 2}); run.Counts != want || d.State != bridge.Partial {
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

func TestADamagedAnswerThatWaitsStopsOnlyItself(t *testing.T) {
	w := answered(t, "")
	w.Drop("answers", "a1.csv", "order,erp_order_number\nO-4,4714\nO-3,4713\n")
	w.Round()
	bridgetest.Harm(w, `UPDATE parked SET record = replace(record, '4714', '4715')`)
	w.Submit("O-3")
	w.Submit("O-4")
	w.MustOut()
	w.Round()
	order, err := w.Client.Order(t.Context(), "O-3")
	if w.Must(err); order.ExternalID != "4713" {
		t.Errorf("%+v", order)
	}
	d := w.Expect("answers", bridge.Partial, bridge.Counts{Rows: 2, Updated: 1, Rejected: 1})
	if got := w.Rejects(d); len(got) != 1 || !strings.Contains(got[0], "O-4  damaged: while it waited for orders O-4") {
		t.Errorf("%v", got)
	}
	_, err = w.B.In.Rerun(t.Context(), d, inbound.RerunOptions{}, bridge.Decision{Who: "olga"})
	w.Must(err)
	w.Round()
	if order, err = w.Client.Order(t.Context(), "O-4"); err != nil || order.ExternalID != "4714" {
		t.Errorf("%+v, %v", order, err)
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

// notesOf are the comments on an order, the oldest first.
func notesOf(w *bridgetest.World, identifier string) (all []string) {
	w.T.Helper()
	order, err := w.Client.Order(w.T.Context(), identifier)
	w.Must(err)
	var doc struct {
		Data []struct{ Attributes struct{ Message string } }
	}
	w.Must(json.Unmarshal(w.Call("GET", "/orders/"+order.ID+"/activityNotes?page[size]=-1"), &doc))
	for _, n := range doc.Data {
		all = append(all, n.Attributes.Message)
	}
	return all
}

const lineAnswers = `order,erp_order_number,status,message,line,sku,quantity,confirmed,date,reason
O-0,4711,accepted_in_part,,,,,,,
O-0,,,,10,CHAIR <5>,5,3,2026-12-01,
O-0,,,,20,DESK-1,1,0,,not made any more
O-1,4712,accepted,,,,,,,
O-2,,,Call us & ask,,,,,,
O-1,,,,10,CHAIR-5,2,2,2026-12-02,
`

// What an answer says of lines, and its message, end as one comment on the order, once, wherever the bridge dies meanwhile; the
// same file again writes nothing.
func TestRepliesAreCommentsOnTheirOrders(t *testing.T) {
	for _, step := range []string{"", "answer", "applied answer", "settle answer", "settled answer"} {
		t.Run("dying at "+step, func(t *testing.T) {
			w := answered(t, "")
			w.Drop("answers", "a1.csv", lineAnswers)
			if step != "" && !w.DieAt(step, 2) {
				t.Fatalf("it never came to %q", step)
			}
			w.Round()
			_, run := w.Last("answers")
			if run.Rows != 6 || run.Sum() != 6 || run.Rejected != 0 {
				t.Fatalf("%+v\n%s", run.Counts, w.Log)
			}
			for order, want := range map[string][]string{
				"O-0": {"Answer of the ERP: accepted in part, 4711<br>Line 10 (CHAIR &lt;5&gt;): 3 of 5 confirmed, for 2026-12-01<br>" +
					"Line 20 (DESK-1): refused: not made any more"},
				"O-1": {"Answer of the ERP<br>Line 10 (CHAIR-5): 2 of 2 confirmed, for 2026-12-02"},
				"O-2": {"Answer of the ERP<br>Call us &amp; ask"},
			} {
				if got := notesOf(w, order); !slices.Equal(got, want) {
					t.Errorf("%s: %q, want %q", order, got, want)
				}
			}
			owed, err := w.Ledger.Outbox(t.Context(), bridge.OutboxFilter{Identifier: "O-0"})
			w.Must(err)
			if want := "accepted_in_part, 4711, Line 10 (CHAIR <5>): 3 of 5 confirmed, for 2026-12-01, " +
				"Line 20 (DESK-1): refused: not made any more"; owed[0].Answer != want {
				t.Errorf("the answer is %q", owed[0].Answer)
			}
			before := w.Writes()
			w.Drop("answers", "a2.csv", lineAnswers+"\n")
			w.Round()
			if _, run := w.Last("answers"); run.Unchanged != 6 || w.Writes() != before {
				t.Errorf("again: %+v, %d requests that write", run.Counts, w.Writes()-before)
			}
		})
	}
}

// Lines wait for their order with the answer to it, and end as one comment with it.
func TestLinesWaitForTheirOrder(t *testing.T) {
	w := answered(t, "")
	w.Drop("answers", "a1.csv", strings.ReplaceAll(lineAnswers, "O-0", "O-3"))
	w.Round()
	if _, run := w.Last("answers"); run.Parked != 3 {
		t.Fatalf("%+v", run.Counts)
	}
	w.Submit("O-3")
	w.MustOut()
	w.Round()
	if got := notesOf(w, "O-3"); len(got) != 1 || strings.Count(got[0], "<br>") != 2 {
		t.Errorf("%q", got)
	}
}

// A comment that the shop's user may not write is left out, and told; an order with many comments is looked through whole.
func TestCommentsThatCannotBe(t *testing.T) {
	w := answered(t, "")
	w.Shop.Deny("create notes")
	w.Drop("answers", "a1.csv", lineAnswers)
	w.Round()
	_, run := w.Last("answers")
	if run.Rows != 6 || run.Rejected != 0 || w.Shop.Count("notes") != 0 {
		t.Errorf("%+v, %d notes", run.Counts, w.Shop.Count("notes"))
	}
	history, err := w.Ledger.History(t.Context(), "orders", "O-0")
	w.Must(err)
	if got := fmt.Sprint(history); !strings.Contains(got, "message not set: the shop's user may not see and write notes") {
		t.Error(got)
	}

	w = answered(t, "")
	for i := range 12 {
		w.Drop("answers", fmt.Sprintf("n%02d.csv", i), fmt.Sprintf("order,message\nO-0,word %d\n", i))
		w.Round()
	}
	w.Drop("answers", "again.csv", "order,message\nO-0,word 0\nO-0,word 11\n")
	w.Round()
	if got := notesOf(w, "O-0"); len(got) != 12 {
		t.Errorf("%d comments", len(got))
	}
}
