package signs

import (
	"testing"
	"testing/fstest"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

func TestMemoryIsThatOfTheGroupOrOfTheMachine(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	const meminfo = "MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:     40 kB\n"
	for name, x := range map[string]struct {
		root        fstest.MapFS
		free, of100 int64
		ok          bool
	}{
		"a group with a limit, whose cache can be given back": {fstest.MapFS{"sys/fs/cgroup/memory.max": file("1000\n"),
			"sys/fs/cgroup/memory.current": file("990\n"), "sys/fs/cgroup/memory.stat": file("anon 500\ninactive_file 90\n"),
			"proc/meminfo": file(meminfo)}, 100, 10, true},
		"a group without one": {fstest.MapFS{"sys/fs/cgroup/memory.max": file("max\n"), "proc/meminfo": file(meminfo)}, 40 << 10, 4, true},
		"a machine":           {fstest.MapFS{"proc/meminfo": file(meminfo)}, 40 << 10, 4, true},
		"neither":             {fstest.MapFS{}, 0, 0, false},
		"nonsense":            {fstest.MapFS{"proc/meminfo": file("MemTotal: many\n")}, 0, 0, false},
	} {
		free, of100, ok := freeMemory(x.root)
		if free != x.free || of100 != x.of100 || ok != x.ok {
			t.Errorf("%s: %d, %d%%, %v", name, free, of100, ok)
		}
	}
}

func TestWhatEndsFirstIsTold(t *testing.T) {
	now := time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)
	w := &Watcher{Limits: config.Alarms{Expires: bridge.Duration(21 * bridge.Day)}}
	got := w.ending(now, []bridge.End{
		{Of: "shop", What: "a", At: now.Add(22 * bridge.Day)},
		{Of: "shop", What: "b", At: time.Time{}},
		{Of: "feed prices", What: "c", At: now.Add(-time.Hour)},
		{Of: "bridge", What: "d", At: now.Add(20 * bridge.Day)},
		{Of: "bridge", What: "e", At: now.Add(2 * bridge.Day)},
	})
	if len(got) != 2 || got[0].Of != "feed prices" || got[0].Text != "c has ended 2026-11-21 06:00 UTC" ||
		got[1].N != 2 || got[1].Text != "e ends 2026-11-23 07:00 UTC" {
		t.Errorf("%+v", got)
	}
}
