package oro

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

const (
	// A token is renewed this long before it ends, or a tenth of its life before, whichever is less.
	tokenMargin = 2 * time.Minute
	// After a refused login nobody asks again for so long, so that several batches at once do not lock the account.
	loginPause = 10 * time.Second
)

// tokens keeps one access token for all requests: asking for one costs as much as three reads.
// golang.org/x/oauth2 has no way to drop a token that the shop has revoked.
type tokens struct {
	url    string
	id     string
	secret func() string // a func prints as an address
	sender sender
	now    func() time.Time
	gate   chan struct{} // held by the one who renews

	mu      sync.Mutex
	current string
	until   time.Time
	refused error
	asked   time.Time // when the login was refused
}

// get returns the token, and renews it first when its time is nearly over. Only one renewal is under way.
func (t *tokens) get(ctx context.Context) (string, error) {
	if token, err, ok := t.cached(); ok {
		return token, err
	}
	select {
	case t.gate <- struct{}{}:
		defer func() { <-t.gate }()
	case <-ctx.Done():
		return "", &wireError{err: ctx.Err()}
	}
	if token, err, ok := t.cached(); ok {
		return token, err
	}
	token, life, err := t.renew(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		if errors.Is(err, bridge.ErrLogin) {
			t.refused, t.asked = err, t.now()
		}
		return "", err
	}
	t.current, t.until, t.refused = token, t.now().Add(life-min(tokenMargin, life/10)), nil
	return token, nil
}

func (t *tokens) cached() (string, error, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refused != nil && t.now().Sub(t.asked) < loginPause {
		return "", t.refused, true
	}
	return t.current, nil, t.current != "" && t.now().Before(t.until)
}

// drop forgets a token that the shop no longer accepts, unless it was renewed meanwhile.
func (t *tokens) drop(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == token {
		t.current = ""
	}
}

func (t *tokens) renew(ctx context.Context) (string, time.Duration, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {t.id}, "client_secret": {t.secret()}}
	ans, err := t.sender.send(ctx, &call{
		method: http.MethodPost,
		url:    t.url,
		object: "token",
		header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}},
		body:   []byte(form.Encode()),
		effect: sets,
		want:   want{what: aToken},
	})
	if err != nil {
		return "", 0, unreachable("ask for a token at", t.url, err)
	}
	var got struct {
		Token   string `json:"access_token"`
		Expires int    `json:"expires_in"`
	}
	if ans.status == http.StatusOK && json.Unmarshal(ans.body, &got) == nil && got.Token != "" {
		return got.Token, time.Duration(max(60, min(got.Expires, 24*60*60))) * time.Second, nil
	}
	return "", 0, t.refusal(ans)
}

// refusal explains why there is no token. The body is not repeated: a shop could echo the request.
func (t *tokens) refusal(ans *answer) error {
	e := &bridge.Error{Op: "log in at", Object: t.url, Fate: bridge.Stop, Err: fmt.Errorf("status %d", ans.status)}
	switch {
	case ans.status == http.StatusUnauthorized:
		e.Fate, e.Err = bridge.Pause, fmt.Errorf("%w: the shop does not accept the client id or its secret", bridge.ErrLogin)
		e.Hint = "compare oro.client_id and oro.client_secret with System > User Management > OAuth Applications in the shop"
	case ans.status == http.StatusBadRequest:
		e.Err = fmt.Errorf("%w: the shop does not know this kind of login", bridge.ErrLogin)
		e.Hint = "the OAuth application must be of the type client credentials; oro.client_id and oro.client_secret must not be empty"
	case ans.status == http.StatusNotFound:
		e.Hint = "there is no token at this address: check oro.url and oro.token_path"
	case ans.status == http.StatusTooManyRequests || ans.status >= 500:
		e.Fate, e.After = bridge.Pause, min(retryAfter(ans.header, t.now()), longestPause)
	case ans.status == http.StatusOK:
		e.Err = errors.New("the answer holds no token")
		e.Hint = "something else answers at this address: check oro.url and oro.token_path"
	case ans.status >= 300 && ans.status < 400:
		e.Hint = "the shop sends requests elsewhere (" + ans.header.Get("Location") + "): write that address in oro.url"
	}
	return e
}

// authorizer adds the token to a call. A call that is refused with 401 is sent once more with a new token: the shop
// checks the token before anything else, so nothing was done.
type authorizer struct {
	next   sender
	tokens *tokens
}

func (a *authorizer) send(ctx context.Context, c *call) (*answer, error) {
	for number := 1; ; number++ {
		token, err := a.tokens.get(ctx)
		if err != nil {
			return nil, err
		}
		with := *c
		with.header = c.header.Clone()
		with.header.Set("Authorization", "Bearer "+token)
		ans, err := a.next.send(ctx, &with)
		if err != nil || ans.status != http.StatusUnauthorized {
			return ans, err
		}
		a.tokens.drop(token)
		if number == 2 {
			return ans, nil
		}
	}
}
