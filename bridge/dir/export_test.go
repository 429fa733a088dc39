package dir

import "testing"

// WhenLooked has f called between each look at a name and its opening, for the rest of the test.
func WhenLooked(t *testing.T, f func(name string)) {
	t.Cleanup(func() { looked = func(string) {} })
	looked = f
}
