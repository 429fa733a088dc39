package oro

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

const (
	mediaType = "application/vnd.api+json"
	// keysPerLookup and bytesPerLookup cut look-ups: the web server in front of the shop refuses an address of more than
	// about 8 KB (414).
	keysPerLookup  = 250
	bytesPerLookup = 7000
	// pageSize is for walking lists; the shop answers pages of thousands.
	pageSize = 1000
)

// A query is what follows the question mark. [integrationType] is a part of it, though it travels in the header: it says what ids are.
type query map[string]string

func (q query) String() string {
	values := make(url.Values, len(q))
	for k, v := range q {
		if k != integrationType {
			values.Set(k, v)
		}
	}
	return values.Encode()
}

func (q query) with(key, value string) query {
	c := make(query, len(q)+1)
	for k, v := range q {
		c[k] = v
	}
	c[key] = value
	return c
}

// api is the shop's JSON:API.
type api struct {
	base     string // https://shop.example.com/admin/api
	inFlight int
	// customerKey is the attribute of a customer that holds its number.
	customerKey string
	log         *slog.Logger
	watch       func() (ended func(status int))
	now         func() time.Time
	sleep       func(ctx context.Context, d time.Duration) error

	wire     *wire
	tokens   *tokens
	sender   sender
	requests atomic.Int64
	pauses   pauses
}

// connect stacks what a request passes: repeat, then authorize, then the wire. Asking for a token is repeated as well.
func (c *api) connect(cfg config.Shop, root string, transport http.RoundTripper) {
	c.wire = &wire{
		http:    &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		timeout: cfg.Timeout.D(),
		count:   &c.requests,
		watch:   c.watch,
		log:     c.log,
		now:     c.now,
	}
	again := func(next sender) sender {
		return &retrier{next: next, sleep: c.sleep, jitter: rand.Float64, now: c.now, log: c.log}
	}
	c.tokens = &tokens{
		url:    root + "/" + strings.Trim(cfg.TokenPath, "/"),
		id:     cfg.ClientID,
		secret: cfg.ClientSecret.Reveal,
		sender: again(c.wire),
		now:    c.now,
		gate:   make(chan struct{}, 1),
	}
	c.sender = again(&authorizer{next: c.wire, tokens: c.tokens})
}

// Close gives idle connections back. Requests on their way are not cut.
func (c *api) Close() {
	c.wire.http.CloseIdleConnections()
}

// Requests counts the HTTP requests made so far, tokens and repeats included.
func (c *api) Requests() int64 { return c.requests.Load() }

// get reads one document.
func (c *api) get(ctx context.Context, path string, q query) (*document, error) {
	ans, err := c.do(ctx, http.MethodGet, path, q, nil, reads, nil)
	if err != nil {
		return nil, err
	}
	return ans.doc, nil
}

// do sends one request and returns the answer when the shop did what it was asked, and a *bridge.Error otherwise.
func (c *api) do(ctx context.Context, method, path string, q query, body []byte, e effect, header http.Header) (*answer, error) {
	to := c.base + "/" + path
	if text := q.String(); text != "" {
		to += "?" + text
	}
	h := http.Header{"Accept": {mediaType}, "Content-Type": {mediaType}, "X-Include": {"noHateoas"}, "User-Agent": {"orobridge"}}
	for k, v := range header {
		h[k] = v
	}
	if mode := q[integrationType]; mode != "" {
		h.Set(integrationType, mode)
	}
	op := map[string]string{http.MethodGet: "read", http.MethodPatch: "write", http.MethodPost: "add", http.MethodDelete: "remove"}[method]
	if err := c.pauses.check(op, path, c.now()); err != nil {
		return nil, err
	}
	ans, err := c.sender.send(ctx, &call{method: method, url: to, object: path, header: h, body: body, effect: e, want: wanted(method, path)})
	if err != nil {
		return nil, failure(op, path, err)
	}
	if ans.status >= 300 {
		return nil, c.refused(op, path, ans)
	}
	return ans, nil
}

// A statusError is an answer that refuses.
type statusError struct {
	status int
	errors []errorItem
}

func (e *statusError) Error() string {
	said := joinWords(e.errors)
	if said == "" {
		return fmt.Sprintf("status %d %s", e.status, strings.ToLower(http.StatusText(e.status)))
	}
	return fmt.Sprintf("status %d: %s", e.status, said)
}

// statusOf finds the status of a refusal, 0 when err is none.
func statusOf(err error) int {
	if s := asStatus(err); s != nil {
		return s.status
	}
	return 0
}

// asStatus is the refusal in an error, nil when it is none.
func asStatus(err error) *statusError {
	var s *statusError
	errors.As(err, &s)
	return s
}

// refused explains an answer of 300 and more.
func (c *api) refused(op, path string, ans *answer) error {
	resource, _, _ := strings.Cut(path, "/")
	e := &bridge.Error{Op: op, Object: path, Fate: bridge.Stop, Err: &statusError{ans.status, decodeErrors(ans.body)}}
	switch s := ans.status; {
	case s == http.StatusTooManyRequests || s >= 500:
		e.Fate = bridge.Pause
		if after := retryAfter(ans.header, c.now()); after > 0 {
			e.Err = c.pauses.begin(op, path, after, c.now(), e.Err)
			e.After = min(after, longestPause)
		}
	case s == http.StatusUnauthorized:
		e.Fate, e.Err = bridge.Pause, fmt.Errorf("%w: the shop gives a token and then does not accept it", bridge.ErrLogin)
		e.Hint = "check that the user of the OAuth application is enabled, and that a proxy in front of the shop passes the " +
			"Authorization header on"
	case s == http.StatusForbidden:
		verb := map[string]string{"read": "View", "write": "Create and Edit", "add": "Create", "remove": "Delete"}[op]
		e.Hint = fmt.Sprintf("give the role of the OAuth application's user the permission %s for %s in the shop", verb, resource)
	case s == http.StatusNotFound && resource == path:
		e.Hint = fmt.Sprintf("the shop has no resource %s at %s: check oro.api_path, and that its version and edition offer it", resource, c.base)
	case s == http.StatusMethodNotAllowed:
		e.Hint = "this shop does not allow that for " + resource + ": its version or its settings differ"
	case s >= 300 && s < 400:
		e.Hint = "the shop sends requests elsewhere (" + ans.header.Get("Location") + "): write that address in oro.url"
	}
	return e
}

// failure explains a call that got no answer at all.
func failure(op, object string, err error) error {
	var known *bridge.Error
	if errors.As(err, &known) {
		return err
	}
	var open *uncertainError
	if errors.As(err, &open) {
		return &bridge.Error{
			Op: op, Object: object, Fate: bridge.Pause, Err: fmt.Errorf("%w: %w", bridge.ErrUncertain, err),
			Hint: "the keys are looked up before anything is sent again",
		}
	}
	var stranger *strangerError
	if errors.As(err, &stranger) {
		return &bridge.Error{
			Op: op, Object: object, Fate: bridge.Pause, Err: err,
			Hint: "a firewall, a proxy or a maintenance page stands between bridge and shop; if this does not pass, check oro.url and oro.api_path",
		}
	}
	return unreachable(op, object, err)
}

// unreachable explains a connection that did not work.
func unreachable(op, object string, err error) error {
	var known *bridge.Error
	if errors.As(err, &known) {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return &bridge.Error{Op: op, Object: object, Fate: bridge.Pause, Err: err}
	}
	e := &bridge.Error{Op: op, Object: object, Fate: bridge.Pause, Err: fmt.Errorf("%w: %w", bridge.ErrUnreachable, bare(err))}
	var cert *tls.CertificateVerificationError
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	switch {
	case errors.As(err, &cert), errors.As(err, &host), errors.As(err, &authority):
		e.Fate, e.Hint = bridge.Stop, "the shop's certificate is not trusted: check oro.url; an issuer of your own is named by oro.ca_file"
	case errors.Is(err, errTooLarge), errors.Is(err, errTooMany):
		e.Err = err
		e.Fate, e.Hint = bridge.Stop, "something else than the shop answers: check oro.url and oro.api_path"
	default:
		e.Hint = "check oro.url, the network and the firewall from this machine"
	}
	return e
}

// bare takes the address with its query off an error of net/http: what was asked stands in the object already.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// maxPages bounds a walk, and maxLookupPages what is asked for by key or comes with one batch: a list that never ends is not
// the shop's.
const (
	maxPages       = 100_000
	maxLookupPages = 1_000
)

// tooMuch says that an answer was larger than the client reads: half as many records may fit.
func tooMuch(err error) bool { return errors.Is(err, errTooLarge) || errors.Is(err, errTooMany) }

// pages walks a list until a short page: the shop's products never carry links.next. Where a page is too large to read it
// goes on from there in halves.
func (c *api) pages(ctx context.Context, path string, q query, size int) iter.Seq2[*document, error] {
	return func(yield func(*document, error) bool) {
		var first ref
		for number := 1; number <= maxPages; number++ {
			doc, err := c.page(ctx, path, q, size, number)
			for tooMuch(err) && size > 1 {
				half := max(size/2, 1)
				for (number-1)*size%half != 0 { // the smaller pages begin where this one does
					half--
				}
				number, size = (number-1)*size/half+1, half
				doc, err = c.page(ctx, path, q, size, number)
			}
			if err == nil && number > 1 && len(doc.Data) > 0 && doc.Data[0].ref() == first {
				err = endless(path, fmt.Errorf("page %d begins as the page before", number))
			}
			if err == nil && len(doc.Data) > size {
				err = endless(path, fmt.Errorf("a page of %d records holds %d", size, len(doc.Data)))
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if len(doc.Data) > 0 {
				first = doc.Data[0].ref()
			}
			if !yield(doc, nil) || len(doc.Data) < size {
				return
			}
		}
		yield(nil, endless(path, fmt.Errorf("it has more than %d pages", maxPages)))
	}
}

func (c *api) page(ctx context.Context, path string, q query, size, number int) (*document, error) {
	q = q.with("page[size]", strconv.Itoa(size))
	if number > 1 {
		q = q.with("page[number]", strconv.Itoa(number))
	}
	return c.get(ctx, path, q)
}

// endless explains a list that is not walked to its end.
func endless(path string, why error) error {
	return &bridge.Error{
		Op: "read", Object: path, Fate: bridge.Stop, Err: why,
		Hint: "something between bridge and shop drops page[number] or page[size]",
	}
}

// defaultPage is how many records the shop answers with unless it is asked for more.
const defaultPage = 10

// whole reads a list to its end. Some lists refuse page[size] and tell all (webhook topics; in 6.1 the statuses of orders), the
// others tell ten until they are asked for all.
func (c *api) whole(ctx context.Context, path string, q query) (*document, error) {
	doc, err := c.get(ctx, path, q)
	if err != nil || len(doc.Data) < defaultPage {
		return doc, err
	}
	all, err := c.get(ctx, path, q.with("page[size]", "-1"))
	if statusOf(err) == http.StatusBadRequest {
		return doc, nil
	}
	return all, err
}

// lookup asks for many keys through filter[name], in requests of at most keysPerLookup keys, several at once. rows is the
// most that one key can answer with on a page. each is called for one document at a time.
func (c *api) lookup(ctx context.Context, path, name string, keys []string, q query, rows int, each func(*document) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(c.inFlight)
	one := make(chan struct{}, 1) // each is not called by two at once
	for part := range chunks(keys, c.keysAtOnce(path, name)) {
		group.Go(func() error {
			asked := q.with("filter["+name+"]", strings.Join(part, ","))
			number := 0
			// More rows than are expected: a page that is not full needs no second one, and costs nothing for being large.
			for doc, err := range c.pages(ctx, path, asked, max(rows*len(part)+1, pageSize/2)) {
				if number++; err == nil && number > maxLookupPages {
					err = endless(path, fmt.Errorf("%d keys fill more than %d pages", len(part), maxLookupPages))
				}
				if err != nil {
					return err
				}
				one <- struct{}{}
				err = each(doc)
				<-one
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// keysAtOnce is how many keys a filter takes: shops take several at once where a field allows it (ids, sku, externalId,
// identifier); another key of customers, and a user's e-mail address, are taken for one text, commas and all.
func (c *api) keysAtOnce(path, name string) int {
	if path == "customers" && name == c.customerKey && name != externalID || path == "customerusers" && name == "email" {
		return 1
	}
	return keysPerLookup
}

// chunks cuts keys by number and by the length that they have in an address.
func chunks(keys []string, most int) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		start, length := 0, 0
		for i, k := range keys {
			n := len(url.QueryEscape(k)) + len("%2C")
			if i > start && (i-start == most || length+n > bytesPerLookup) {
				if !yield(keys[start:i]) {
					return
				}
				start, length = i, 0
			}
			length += n
		}
		if start < len(keys) {
			yield(keys[start:])
		}
	}
}

// listable says that a key can be looked up: the shop's filters split at commas and know no escape
// (NormalizeValue/AbstractProcessor in oroinc/platform).
func listable(key string) bool { return key != "" && !strings.Contains(key, ",") }
