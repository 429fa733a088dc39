package page

import (
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/operate"
)

// Where several bridges share the work, today's page says who does what, who hands over, and whose config is another one.
func TestBridgesThatShareTheWorkAreShown(t *testing.T) {
	s := &Server{Options: Options{Config: &config.Config{}}}
	status := &operate.Status{Bridges: []operate.Bridge{{Bridge: "erp-1:7", Version: "1.2", Doing: []string{"imports", "house"}},
		{Bridge: "erp-2:8", Version: "1.2", Drained: true}, {Bridge: "erp-3:9", Version: "1.1", Differs: true}},
		Jobs: []operate.JobCount{{Kind: "export", State: "running", Count: 2}, {Kind: "imports", State: "available", Count: 1},
			{Kind: "imports", State: "running", Count: 1}}}
	got := map[string]string{}
	w := wordsFor(httptest.NewRequest("GET", "/", nil))
	for _, e := range s.ends(&operate.Desk{}, status) {
		if e.Said != "" {
			got[e.Name] = e.Tone + " " + e.Kind + " " + w.T(e.Said, e.Args) + " " + e.Why
		}
	}
	want := map[string]string{"River": "good PostgreSQL Jobs: export 2 running; imports 1 available, 1 running ",
		"bridge erp-1:7": "good 1.2 Does: imports, house ", "bridge erp-2:8": "hold 1.2 Hands its work over and takes none. Does: – ",
		"bridge erp-3:9": "bad 1.1 Does: – its config has other shops or exports than that of the bridge which came last"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
