package formats

import (
	"fmt"
	"strings"
)

// OrderFeedback is what the ERP answers to an order, and to its lines: a row with a line says of that line what became of
// it, and stands behind the row of its order. An externalId holds at most 36 characters.
var OrderFeedback = &Entity{
	Name:      "order_feedback",
	OnMissing: []string{"keep"}, Fixed: true, Answers: true,
	Fields: []Field{
		{Name: "order", Kind: Code, Key: true, Required: true, Max: 255, Else: "erp_order_number",
			Doc: "the order's identifier in the shop; when it is empty, erp_order_number finds the order that an earlier answer gave this number"},
		{Name: "erp_order_number", Kind: Code, Max: 36, Doc: "externalId of the order"},
		{Name: "status", Kind: Code, Max: 64, Doc: "accepted, accepted_in_part, refused, cancelled, invoiced, …"},
		{Name: "shipping_status", Kind: Choice, Values: []string{"not_shipped", "partially_shipped", "shipped"}},
		{Name: "tracking_method", Kind: Line, Max: 255},
		{Name: "tracking_number", Kind: Line, Max: 255},
		{Name: "message", Kind: Text, Max: 4000, Doc: "a comment on the order, for the people of the shop"},
		{Name: "line", Kind: Code, Max: 32, Doc: "number of the order's line that the row is about; empty for the whole order"},
		{Name: "sku", Kind: Code, Max: 255, Doc: "of the line"},
		{Name: "quantity", Kind: Quantity, Doc: "that was ordered"},
		{Name: "confirmed", Kind: Quantity, Doc: "quantity that the ERP confirms; 0 for a refused line"},
		{Name: "date", Kind: Date, Doc: "on which it is delivered"},
		{Name: "reason", Kind: Line, Max: 255, Doc: "why a line is refused"},
	},
}

// Comment is what an answer says to the people of the shop, for a comment on its order: the answer to the order as a whole, nil
// when there is none, and what it tells of lines. It is empty for an answer that has neither a message nor lines: what it says
// stands in the order's own fields.
func Comment(whole *Record, lines []*Record) string {
	var all []string
	if whole != nil {
		if message, _ := whole.Get("message"); message != "" {
			all = append(all, message)
		}
	}
	for i, line := range lines {
		if i == maxCommentLines {
			all = append(all, fmt.Sprintf("%d more lines", len(lines)-i))
			break
		}
		all = append(all, LineNote(line))
	}
	if len(all) == 0 {
		return ""
	}
	head := "Answer of the ERP"
	if whole != nil {
		var words []string
		for _, field := range [...]string{"status", "shipping_status", "erp_order_number"} {
			if text, _ := whole.Get(field); text != "" {
				words = append(words, strings.ReplaceAll(text, "_", " "))
			}
		}
		head = strings.TrimSuffix(head+": "+strings.Join(words, ", "), ": ")
	}
	return strings.Join(append([]string{head}, all...), "\n")
}

// maxCommentLines bounds a comment.
const maxCommentLines = 200

// LineNote says in a sentence what an answer tells of an order's line, for a comment on the order: Line 2 (CHAIR-5): 3 of 5
// confirmed, for 2026-12-01. It is empty for an answer to the whole order.
func LineNote(rec *Record) string {
	text := func(field string) string { t, _ := rec.Get(field); return t }
	if text("line") == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString("Line " + text("line"))
	if sku := text("sku"); sku != "" {
		b.WriteString(" (" + sku + ")")
	}
	confirmed, quantity, reason := text("confirmed"), text("quantity"), text("reason")
	switch {
	case confirmed == "0" && reason != "":
		return b.String() + ": refused: " + reason
	case confirmed == "0":
		return b.String() + ": refused"
	case confirmed != "" && quantity != "":
		b.WriteString(": " + confirmed + " of " + quantity + " confirmed")
	case confirmed != "":
		b.WriteString(": " + confirmed + " confirmed")
	default:
		b.WriteString(": accepted")
	}
	if day := text("date"); day != "" {
		b.WriteString(", for " + day)
	}
	return b.String()
}

// Exceptional says that an answer to a line refuses it, or confirms less than was ordered.
func Exceptional(line *Record) bool {
	confirmed, _ := line.Get("confirmed")
	quantity, _ := line.Get("quantity")
	x, err1 := ParseAmount(confirmed, Conventions{})
	y, err2 := ParseAmount(quantity, Conventions{})
	return err1 == nil && (x.IsZero() || err2 == nil && x.Cmp(y) < 0)
}
