package oro

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
)

// This file judges answers: whether the shop itself gave them, and whether they hold what was asked for. Firewalls,
// proxies and portals answer in its place, also with 200: such an answer is trouble, whatever its status.

// A want is what the shop answers when it did what it was asked. Kinds, statuses and media types are those of all
// recordings with real shops.
type want struct {
	what content
	kind string // of the records; "" for any
	id   string // of the one record; "" for any
}

// A content is what an answer holds.
type content int

const (
	someRecords content = iota // 200 or 201: a document with data
	anOperation                // 202: a document of one asynchronous operation
	nothing                    // 204, and no body
	aToken                     // 200: an access token as JSON
)

// maxElements bounds the values of one JSON answer: many small ones take far more memory than their bytes.
const maxElements = 500_000

// A strangerError is an answer that is not the shop's, or not one to this request.
type strangerError struct {
	status int
	why    string
}

func (e *strangerError) Error() string {
	return fmt.Sprintf("something else than the shop's API answers (status %d, %s)", e.status, e.why)
}

var errTooMany = errors.New("the answer holds more values than the client reads")

// judgeAnswer says what is wrong with an answer: nil for one of the shop's own, be it a refusal. It reads the document
// into the answer. It is pure.
func judgeAnswer(w want, ans *answer) error {
	stranger := func(format string, args ...any) error {
		return &strangerError{ans.status, fmt.Sprintf(format, args...)}
	}
	media, _, _ := mime.ParseMediaType(ans.header.Get("Content-Type"))
	s := ans.status
	switch {
	case s == http.StatusTooManyRequests, s >= 500, s < 200, w.what == aToken && s >= 300:
		return nil // the status says enough, whoever gave it
	case s >= 300 && s < 400, s == http.StatusRequestEntityTooLarge, s == http.StatusRequestURITooLong:
		return nil // the web server in front of the shop says these
	case s == http.StatusUnauthorized && len(ans.body) == 0:
		return nil // the shop says no more to a token that it does not know
	case s >= 400 && media != mediaType:
		return stranger("content type %q", media)
	case s >= 400:
		return nil
	}
	allowed := map[content][]int{
		someRecords: {http.StatusOK, http.StatusCreated}, anOperation: {http.StatusAccepted},
		nothing: {http.StatusNoContent}, aToken: {http.StatusOK},
	}[w.what]
	if s != allowed[0] && s != allowed[len(allowed)-1] {
		return stranger("where the shop says %d", allowed[0])
	}
	switch {
	case w.what == nothing && len(bytes.TrimSpace(ans.body)) > 0:
		return stranger("with a body of %d bytes where the shop sends none", len(ans.body))
	case w.what == nothing:
		return nil
	case w.what == aToken && media != "application/json", w.what != aToken && media != mediaType:
		return stranger("content type %q", media)
	case tooMany(ans.body, maxElements):
		return fmt.Errorf("%w: over %d", errTooMany, maxElements)
	case w.what == aToken:
		return nil // read by who asked
	}
	doc, err := parseDocument(ans.body)
	if err != nil {
		return stranger("not a JSON:API document: %v", err)
	}
	if doc.Data == nil { // taken for an empty list it would have everything created anew
		return stranger("it holds no data")
	}
	if why := w.misses(doc); why != "" {
		return stranger("%s", why)
	}
	ans.doc = doc
	return nil
}

// misses says what a document lacks.
func (w want) misses(doc *document) string {
	if (w.what == anOperation || w.id != "") && len(doc.Data) != 1 {
		return fmt.Sprintf("it holds %d records and not one", len(doc.Data))
	}
	for i := range doc.Data {
		r := &doc.Data[i]
		switch {
		case r.ID == "":
			return "it holds a record without an id"
		case w.kind != "" && r.Type != w.kind:
			return fmt.Sprintf("it holds %q and not %q", r.Type, w.kind)
		case w.id != "" && r.ID != w.id:
			return fmt.Sprintf("it holds the record %q and not %q", r.ID, w.id)
		case w.what == anOperation && !digits(r.ID):
			return fmt.Sprintf("%q is no operation", r.ID)
		}
	}
	return ""
}

// tooMany says whether a JSON text may hold more values than a limit: it counts what stands between them.
func tooMany(text []byte, limit int) bool {
	if len(text) <= limit {
		return false
	}
	n, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++ // only inside of texts
		case '"':
			quoted = !quoted
		case ',', '[', '{':
			if !quoted {
				n++
			}
		}
	}
	return n > limit
}

// wanted is what a request to a path of the API wants: the kind stands first in the path, the id behind it.
func wanted(method, path string) want {
	kind, rest, _ := strings.Cut(path, "/")
	id, below, _ := strings.Cut(rest, "/")
	switch {
	case method == http.MethodDelete:
		return want{what: nothing}
	case method == http.MethodPatch && id == "":
		return want{what: anOperation, kind: "asyncoperations"}
	case below != "":
		return want{what: someRecords} // "asyncoperations/29/errors": their kind is another one
	}
	return want{what: someRecords, kind: kind, id: id}
}
