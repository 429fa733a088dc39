package bridgetest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// feedOf makes a config with one feed of prices that matches a pattern, and further keys.
func FeedOf(match, keys string) string {
	return fmt.Sprintf("feeds:\n"+
		"  - { name: prices, entity: prices, remote: disk, folder: prices, match: '%s', format: { kind: csv }%s }\n", match, keys)
}

// lineup is a line for each drop of the prices: its name, its state, and the reason that it gives.
func (w *World) Lineup() []string {
	w.T.Helper()
	drops, err := w.Ledger.Drops(context.Background(), bridge.DropFilter{Feed: "prices"})
	w.Must(err)
	lines := []string{}
	for _, d := range drops {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", d.Name, d.State, d.Reason)))
	}
	return lines
}

// stands checks that the drops stand as wanted; a wanted line that ends in … is the beginning of one.
func (w *World) Stands(want ...string) {
	w.T.Helper()
	got := w.Lineup()
	ok := len(got) == len(want)
	for i := 0; ok && i < len(got); i++ {
		begin, cut := strings.CutSuffix(want[i], "…")
		ok = got[i] == want[i] || cut && strings.HasPrefix(got[i], begin)
	}
	if !ok {
		w.T.Fatalf("the drops are\n  %s\nwant\n  %s\n%s", strings.Join(got, "\n  "), strings.Join(want, "\n  "), w.Log)
	}
}

// files lists what stands below the feed's folder, without folders.
func (w *World) Files() []string {
	w.T.Helper()
	root := filepath.Join(w.Folder, "prices")
	list := []string{}
	w.Must(filepath.WalkDir(root, func(p string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(root, p)
			list = append(list, rel)
		}
		return err
	}))
	return list
}

func (w *World) Stay(want ...string) {
	w.T.Helper()
	if got := w.Files(); !slices.Equal(got, want) {
		w.T.Errorf("the folder holds\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// later moves the clock and makes a round.
func (w *World) Later(d time.Duration) {
	w.T.Helper()
	w.Tick(d)
	w.Round()
}

// restart ends the bridge and starts another one on the same state.
func (w *World) Restart() {
	w.T.Helper()
	w.Close()
	w.Open()
}

func (w *World) Feed() *config.Feed { return w.B.In.Feeds[0] }

func OnePrice(value string) string { return PriceHead + Price("SKU1", value) }
