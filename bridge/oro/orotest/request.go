package orotest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	apiPath   = "/admin/api/"
	tokenPath = "/oauth2-token"
	mediaType = "application/vnd.api+json"
	maxURL    = 8 << 10 // of the web server before the shop
)

// problem is one error of an answer.
type problem struct {
	status             int
	title, detail      string
	pointer, parameter string

	field  string // that is blamed
	always bool   // told even when the value could not be read
}

// object is the error as the API writes it; inBatch makes the status a number.
func (p problem) object(inBatch bool) string {
	status := strconv.Itoa(p.status)
	if !inBatch {
		status = `"` + status + `"`
	}
	s := `{"status":` + status + `,"title":` + encode(p.title)
	switch {
	case p.detail != "":
		s += `,"detail":` + encode(p.detail)
	case inBatch:
		s += `,"detail":null`
	}
	switch {
	case p.pointer != "":
		s += `,"source":{"pointer":` + encode(p.pointer) + `}`
	case p.parameter != "":
		s += `,"source":{"parameter":` + encode(p.parameter) + `}`
	case inBatch:
		s += `,"source":null`
	}
	return s + `}`
}

func pointerAt(section string, i int) string { return "/" + section + "/" + itoa(i) }
func pointerIn(list string, i int) string    { return list + "/" + itoa(i) }
func itoa(i int) string                      { return strconv.Itoa(i) }

// call is one request to the API while it is answered.
type call struct {
	shop *Shop
	r    *http.Request
	body []byte
	*answer
	query url.Values
	asks  map[string]bool // X-Include
	extID bool
	base  string
}

// answer is a response before it is sent: faults may still spoil it.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func newAnswer() *answer {
	return &answer{status: http.StatusOK, header: http.Header{
		"Content-Type":  {mediaType},
		"Cache-Control": {"must-revalidate, no-cache, no-store, private"},
	}}
}

// serve answers a request of which the body is read.
func (s *Shop) serve(r *http.Request, body []byte) *answer {
	a := newAnswer()
	if len(r.URL.RequestURI()) > maxURL {
		a.status = http.StatusRequestURITooLong
		a.header = http.Header{"Content-Type": {"text/html"}}
		a.body = []byte("<html>\r\n<head><title>414 Request-URI Too Large</title></head>\r\n</html>\r\n")
		return a
	}
	if r.URL.Path == tokenPath {
		s.pause(r.Context(), s.latency.Token)
		s.token(r, body, a)
		return a
	}
	path, ok := strings.CutPrefix(r.URL.Path, apiPath)
	if !ok {
		a.status = http.StatusNotFound
		return a
	}
	if bare, slashed := strings.CutSuffix(r.URL.Path, "/"); slashed && path != "" {
		a.redirect(s.base(r) + bare)
		return a
	}
	c := &call{
		shop: s, r: r, body: body, answer: a, query: r.URL.Query(), asks: make(map[string]bool),
		extID: r.Header.Get("X-Integration-Type") == "ext_id", base: s.base(r) + apiPath,
	}
	if given, ok := s.authorised(r, s.clock()); !ok {
		a.status = http.StatusUnauthorized
		a.header.Set("Cache-Control", "no-cache, private")
		if !given {
			a.header.Set("WWW-Authenticate", "Bearer")
		}
		return a
	}
	for name := range strings.SplitSeq(r.Header.Get("X-Include"), ";") {
		c.asks[strings.TrimSpace(name)] = true
	}
	if r.Method == http.MethodGet {
		s.pause(r.Context(), s.latency.Read)
	}
	if c.negotiate() {
		c.route(strings.Split(path, "/"))
	}
	return a
}

// redirect sends the client elsewhere for good.
func (a *answer) redirect(to string) {
	a.status = http.StatusMovedPermanently
	a.header.Set("Location", to)
	a.header.Set("Content-Type", "text/html; charset=utf-8")
	a.body = []byte("<!DOCTYPE html>\n<html><head><title>Redirecting to " + to + "</title></head><body>Redirecting.</body></html>")
}

// negotiate checks the media types and the modes.
func (c *call) negotiate() bool {
	sent, sentParams, _ := strings.Cut(c.r.Header.Get("Content-Type"), ";")
	jsonAPI, bare, accepted := false, false, c.r.Header.Get("Accept") == ""
	for value := range strings.SplitSeq(strings.Join(c.r.Header.Values("Accept"), ","), ",") {
		name, params, _ := strings.Cut(value, ";")
		switch name = strings.TrimSpace(name); {
		case name == mediaType:
			jsonAPI, bare = true, bare || strings.TrimSpace(params) == ""
		case name == "application/json" || name == "application/*" || name == "*/*":
			accepted = true
		}
	}
	switch {
	case jsonAPI && !bare:
		c.fail(problem{
			status: http.StatusNotAcceptable, title: "not acceptable http exception",
			detail: `The "Accept" request header should contains at least one instance of JSON:API media type without any parameters.`,
		})
	case sent == mediaType && sentParams != "":
		c.fail(problem{
			status: http.StatusUnsupportedMediaType, title: "unsupported media type http exception",
			detail: `The "Content-Type" request header should contain JSON:API media type without any parameters.`,
		})
	case sent == mediaType && !jsonAPI && !accepted:
		c.fail(problem{
			status: http.StatusNotAcceptable, title: "not acceptable http exception",
			detail: `The "Accept" request header does not accept JSON:API content type.`,
		})
	case !among(c.r.Header.Get("X-Mode"), "", "sync", "async"):
		c.badHeader(`The accepted values for the "X-Mode" are "sync" or "async".`)
	default:
		return true
	}
	return false
}

func (a *answer) badHeader(detail string) {
	a.fail(problem{status: 400, title: "invalid header value exception", detail: detail})
}

func among(s string, words ...string) bool { return slices.Contains(words, s) }

// token answers the token endpoint, which takes forms and JSON.
func (s *Shop) token(r *http.Request, body []byte, a *answer) {
	a.header.Set("Content-Type", "application/json")
	form, err := url.ParseQuery(string(body))
	get := form.Get
	if err != nil || strings.Contains(r.Header.Get("Content-Type"), "json") {
		var fields map[string]string
		_ = json.Unmarshal(body, &fields) // no fields: an unknown grant
		get = func(name string) string { return fields[name] }
	}
	refuse := func(status int, m map[string]string) {
		a.status, a.body = status, []byte(encode(m))
	}
	if get("grant_type") != "client_credentials" {
		const m = "The authorization grant type is not supported by the authorization server."
		refuse(http.StatusBadRequest, map[string]string{
			"error": "unsupported_grant_type", "error_description": m, "message": m,
			"hint": "Check that all required parameters have been provided",
		})
		return
	}
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = get("client_id"), get("client_secret")
	}
	if !s.knows(id, secret) {
		const m = "Client authentication failed"
		refuse(http.StatusUnauthorized, map[string]string{"error": "invalid_client", "error_description": m, "message": m})
		return
	}
	a.header.Set("Content-Type", "application/json; charset=UTF-8")
	a.body = []byte(encode(map[string]any{"token_type": "Bearer", "expires_in": 3600, "access_token": s.grant(s.clock())}))
}

func (a *answer) fail(problems ...problem) {
	a.status = problems[0].status
	l := make([]string, len(problems))
	for i, p := range problems {
		l[i] = p.object(false)
	}
	a.body = []byte(`{"errors":[` + strings.Join(l, ",") + `]}`)
}

func (a *answer) notFound() {
	a.fail(problem{status: 404, title: "not found http exception", detail: "An entity with the requested identifier does not exist."})
}

func (a *answer) forbidden(detail string) {
	a.fail(problem{status: 403, title: "access denied exception", detail: detail})
}

const noAccess = "No access to this type of entities."

// refuseMethod answers 405 with an empty body.
func (a *answer) refuseMethod(allowed []string) {
	a.status = http.StatusMethodNotAllowed
	a.header.Set("Allow", strings.Join(append([]string{http.MethodOptions}, allowed...), ", "))
}

// options tells what methods there are.
func (a *answer) options(allowed []string) {
	h := a.header
	h.Set("Allow", strings.Join(append([]string{http.MethodOptions}, allowed...), ", "))
	h.Set("Cache-Control", "max-age=600, public")
	h.Set("Vary", "Origin")
}

// permitted reports whether the method is one of those, and answers the request when it is not.
func (c *call) permitted(allowed []string) bool {
	switch {
	case slices.Contains(allowed, c.r.Method):
		return true
	case c.r.Method == http.MethodOptions:
		c.options(allowed)
	default:
		c.refuseMethod(allowed)
	}
	return false
}

func (c *call) route(path []string) {
	switch path[0] {
	case "asyncoperations":
		c.operations(path[1:])
		return
	case "asyncoperationerrors":
		c.fail(inaccessible)
		return
	}
	t := c.shop.tables[path[0]]
	switch {
	case t == nil:
		c.fail(problem{status: 404, title: "entity type constraint", detail: "Unknown entity type: " + path[0] + "."})
	case t.actions == closed:
		c.fail(inaccessible)
	case t.list != nil && len(path) > 1:
		c.noRoute()
	case t.list != nil:
		if c.permitted([]string{http.MethodGet}) {
			t.list(c)
		}
	case t.parts && c.r.Method == http.MethodPost && len(path) == 1:
		c.refuseMethod(t.allowed(false))
	case len(path) == 1:
		c.collection(t)
	case len(path) == 2:
		c.single(t, path[1])
	case len(path) == 4 && path[2] == "relationships":
		c.relationship(t, path[1], path[3])
	case len(path) == 3:
		if f := t.byName[path[2]]; f == nil || !f.kind.relation() || f.bare {
			c.unsupported()
		} else if c.permitted([]string{http.MethodGet}) {
			c.related(t, path[1], f)
		}
	default:
		c.noRoute()
	}
}

var inaccessible = problem{status: 404, title: "resource not accessible exception", detail: "The resource is not accessible."}

func (a *answer) unsupported() {
	a.fail(problem{status: 404, title: "relationship constraint", detail: "Unsupported subresource."})
}

func (c *call) noRoute() {
	address := c.shop.base(c.r) + c.r.URL.RequestURI()
	c.fail(problem{status: 404, title: "not found http exception", detail: `No route found for "` + c.r.Method + ` ` + address + `".`})
}

// allowed lists the methods that a resource takes.
func (t *table) allowed(single bool) (methods []string) {
	if single || !t.unlisted {
		methods = []string{http.MethodGet}
	}
	for _, m := range []struct {
		method   string
		listed   action
		onRecord action
	}{
		{http.MethodPatch, batching, updating},
		{http.MethodPost, creating, 0},
		{http.MethodDelete, deletingList, deleting},
	} {
		need := m.listed
		if single {
			need = m.onRecord
		}
		if t.actions&need != 0 {
			methods = append(methods, m.method)
		}
	}
	return methods
}

func (c *call) collection(t *table) {
	if !c.permitted(t.allowed(false)) {
		return
	}
	switch c.r.Method {
	case http.MethodGet:
		c.list(t)
	case http.MethodPost:
		c.create(t)
	case http.MethodPatch:
		c.patchList(t)
	case http.MethodDelete:
		c.deleteList(t)
	}
}

func (c *call) single(t *table, id string) {
	if !c.permitted(t.allowed(true)) {
		return
	}
	switch c.r.Method {
	case http.MethodGet:
		c.get(t, id)
	case http.MethodPatch:
		c.update(t, id)
	case http.MethodDelete:
		c.delete(t, id)
	}
}

// send delivers an answer.
func (a *answer) send(w http.ResponseWriter) {
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.WriteHeader(a.status)
	_, _ = io.Copy(w, bytes.NewReader(a.body)) // a client that is gone needs no answer
}
