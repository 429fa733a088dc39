package bridgetest

import (
	"strings"
)

func (w *World) Writes() int {
	n := 0
	for _, r := range w.Shop.Journal() {
		if r.Method != "GET" && strings.HasPrefix(r.Path, "/admin/api/") {
			n++
		}
	}
	return n
}
