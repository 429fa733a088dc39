package orotest

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Asked collects what the bridge asks of shops, in parts, so that a test can hold it against a list of what a real shop
// has answered.
//
// A line of the list is a method, the shape of a path, a parameter or "-" for none, and a recording of a shop that answered
// 2xx to it. Of include each path counts, and page[size]=-1 is a parameter of its own. Few lines say "none" and why the
// request is made all the same.
type Asked struct {
	mu    sync.Mutex
	parts map[string]string // part → a whole request that has it
}

// bridgeAgent is the name under which the bridge asks; tests that play a person in the shop have another one.
const bridgeAgent = "orobridge"

// Into has a shop collect what the bridge asks of it.
func Into(a *Asked) Option { return func(s *Shop) { s.asked = a } }

// Note takes a request of the bridge; others are left out, and so are those that are not the API's.
func (a *Asked) Note(r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, "/admin/api/")
	if !ok || r.UserAgent() != bridgeAgent {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.parts == nil {
		a.parts = make(map[string]string)
	}
	for _, part := range requestParts(r.Method, path, r.URL.Query()) {
		a.parts[part] = r.Method + " " + r.URL.RequestURI()
	}
}

var pathID = regexp.MustCompile(`/(\d+|[0-9a-f]{8}-[0-9a-f-]{27,}(-\d+)?)(/|$)`)

// requestParts are a request's parts.
func requestParts(method, path string, values url.Values) []string {
	at := method + " " + pathID.ReplaceAllString(path, "/{id}$3") + " "
	parts := []string{at + "-"}
	for name, list := range values {
		switch {
		case name == "include":
			for _, to := range strings.Split(list[0], ",") {
				parts = append(parts, at+"include="+to)
			}
		case name == "page[size]" && list[0] == "-1":
			parts = append(parts, at+"page[size]=-1")
		default:
			parts = append(parts, at+name)
		}
	}
	return parts
}

// Unrecorded tells what was asked that no line of the list in a file shows, each with a request that did.
func (a *Asked) Unrecorded(file string) (missing []string) {
	text, err := os.ReadFile(file)
	if err != nil {
		return []string{err.Error()}
	}
	known := make(map[string]bool)
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) >= 4 && !strings.HasPrefix(line, "#") {
			known[strings.Join(f[:3], " ")] = true
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for part, request := range a.parts {
		if !known[part] {
			missing = append(missing, fmt.Sprintf("%s (in %s)", part, request))
		}
	}
	slices.Sort(missing)
	return missing
}
