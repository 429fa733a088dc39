package oro

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

// This file keeps the promise that the bridge makes no request which no real shop has answered. The requests of all tests of
// this package are collected, and each of their parts must stand in testdata/requests.txt, with the recording that shows it.
//
// A line of the file is a method, the shape of a path, a parameter or "-" for none, and a recording of a shop (6.1.11 or
// 7.0.4) that answered 2xx to it. Of include each path counts, and page[size]=-1 is a parameter of its own. Few lines say
// "none" and why the request is made all the same.

// made collects what was asked of the shop.
var made = struct {
	mu    sync.Mutex
	parts map[string]string // part → a whole request that has it
}{parts: make(map[string]string)}

// A noting transport collects requests.
type noting struct{ http.RoundTripper }

func (n noting) RoundTrip(r *http.Request) (*http.Response, error) {
	if path, ok := strings.CutPrefix(r.URL.Path, "/admin/api/"); ok {
		made.mu.Lock()
		for _, part := range requestParts(r.Method, path, r.URL.Query()) {
			made.parts[part] = r.Method + " " + r.URL.RequestURI()
		}
		made.mu.Unlock()
	}
	return n.RoundTripper.RoundTrip(r)
}

func (n noting) CloseIdleConnections() {
	if t, ok := n.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
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

// unrecorded tells what was asked that no recording shows.
func unrecorded() (list []string) {
	text, err := os.ReadFile("testdata/requests.txt")
	if err != nil {
		return []string{err.Error()}
	}
	known := make(map[string]bool)
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) >= 4 && !strings.HasPrefix(line, "#") {
			known[strings.Join(f[:3], " ")] = true
		}
	}
	made.mu.Lock()
	defer made.mu.Unlock()
	for part, request := range made.parts {
		if !known[part] {
			list = append(list, fmt.Sprintf("%s (in %s)", part, request))
		}
	}
	slices.Sort(list)
	return list
}
