package operate

import (
	"testing"

	"github.com/orobridge/orobridge/formats"
)

// A list of what differs from row to row is one thing: the shop names each of two hundred columns that it does not know.
func TestACauseNamesNoListOfARowsOwn(t *testing.T) {
	for message, want := range map[string]string{
		`This form should not contain extra fields: "a", "b", "c".`: "This form should not contain extra fields: ….",
		`"a" is not among "b", "c"`:                                 "… is not among …",
		`it says "a" and "b"`:                                       "it says … and …",
	} {
		if got := causeOf(&formats.Reject{Code: formats.CodeShop, Message: message}); got != want {
			t.Errorf("%s: %s, want %s", message, got, want)
		}
	}
}
