// Package post gives messages to whoever carries them: a service that shoutrrr knows by its address, or a program of this machine.
//
// Contract. [Send] returns once the message was taken, or why it was not; its errors name no part of an address but its scheme and
// host, for the rest of it is secret. One message is on its way for a route at a time. A message that a service does not answer
// within the context's time is given up here and may arrive all the same: it is sent again.
//
// Limits. shoutrrr's services take no context. One that never answers keeps a goroutine, of which a route has four at most; while
// it has, its messages fail at once.
package post

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// An Office sends messages. The zero value is ready.
type Office struct {
	mu   sync.Mutex
	hung map[string]int // by route: messages whose service has not answered
}

// mostHung is how many messages of a route may be without an answer.
const mostHung = 4

// Send gives a letter to a route.
func (o *Office) Send(ctx context.Context, r *config.Route, l bridge.Letter) error {
	if len(r.Command) > 0 {
		return command(ctx, r.Command, l)
	}
	if !o.begin(r.Name) {
		return errors.New("earlier messages are without an answer still")
	}
	done := make(chan error, 1)
	go func() {
		done <- send(r.URL.Reveal(), l)
		o.end(r.Name)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("no answer: %w", ctx.Err())
	}
}

func (o *Office) begin(route string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.hung == nil {
		o.hung = map[string]int{}
	}
	if o.hung[route] >= mostHung {
		return false
	}
	o.hung[route]++
	return true
}

func (o *Office) end(route string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hung[route]--
}

// Check says what is wrong with an address. No message is sent.
func Check(address string) error {
	_, _, err := service(address)
	return err
}

// generic is the scheme of the service that posts to any address: JSON, unless the address asks for another form.
const generic = "generic"

// service finds the service of an address.
func service(address string) (_ types.Service, scheme string, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" {
		return nil, "", errors.New("it does not begin with a service and ://, as in smtp:// or generic+https://")
	}
	scheme, _, _ = strings.Cut(u.Scheme, "+")
	if scheme == generic && !u.Query().Has("template") {
		q := u.Query()
		q.Set("template", "json")
		q.Set("titlekey", "subject")
		q.Set("messagekey", "text")
		u.RawQuery = q.Encode()
	}
	s, err := (&router.ServiceRouter{}).Locate(u.String())
	if err != nil {
		return nil, scheme, hide(address, err)
	}
	return s, scheme, nil
}

// send gives a letter to the service of an address.
func send(address string, l bridge.Letter) error {
	s, scheme, err := service(address)
	if err != nil {
		return err
	}
	params, text := types.Params{}, l.Text
	switch scheme {
	case generic:
		params = fields(l)
	case "smtp": // whose subjects are put into the head of the mail as they are
		params.SetTitle(mime.QEncoding.Encode("utf-8", l.Subject))
	case "slack", "discord", "ntfy", "gotify", "pushover", "telegram", "teams", "opsgenie", "mattermost", "join", "bark", "pushbullet":
		params.SetTitle(l.Subject)
	default: // may know no titles
		text = l.Subject + "\n\n" + text
	}
	if err := s.Send(text, &params); err != nil {
		return hide(address, err)
	}
	return nil
}

// fields are what a webhook gets beside subject and text, under the names of a letter's JSON.
func fields(l bridge.Letter) types.Params {
	p := types.Params{"message": string(l.Message), "kind": string(l.Kind), "severity": string(l.Severity), "of": l.Of, "feed": l.Feed,
		"file": l.File, "order": l.Order, "link": l.Link, "drop": number(l.Drop), "alarm": number(l.Number), "count": number(l.Count)}
	if l.Begun != nil {
		p["begun"] = l.Begun.UTC().Format(time.RFC3339)
	}
	p.SetTitle(l.Subject)
	return p
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

var addresses = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s"'<>]*`)

// shortest is how long a part of an address has to be to be taken for a secret where it stands by itself.
const shortest = 4

// hide makes an error of a service fit to be shown: without addresses, and without the parts of the route's own.
func hide(address string, err error) error {
	text := addresses.ReplaceAllString(err.Error(), "<secret>")
	u, parseErr := url.Parse(address)
	if parseErr != nil {
		return errors.New("the address can't be read")
	}
	parts := strings.FieldsFunc(u.EscapedPath(), func(r rune) bool { return r == '/' || r == '@' || r == ':' })
	password, _ := u.User.Password()
	parts = append(parts, u.User.Username(), password)
	for _, values := range u.Query() {
		parts = append(parts, values...)
	}
	for _, p := range parts {
		for _, form := range []string{p, decoded(p)} {
			if len(form) >= shortest {
				text = strings.ReplaceAll(text, form, "<secret>")
			}
		}
	}
	return errors.New(text)
}

func decoded(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

// said is how much of what a program says stands in the error.
const said = 300

// command starts a program and gives it a letter as JSON on its standard input. It is told PATH, HOME and the language from the
// bridge's environment, and no secret; one that runs longer than the context is ended.
func command(ctx context.Context, argv []string, l bridge.Letter) error {
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("write the message: %w", err)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin = bytes.NewReader(append(text, '\n'))
	out := &tail{}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = time.Second
	for _, name := range []string{"PATH", "HOME", "LANG"} {
		if v, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		if words := strings.Join(strings.Fields(out.text), " "); words != "" {
			return fmt.Errorf("%s: %w: %s", argv[0], err, words)
		}
		return fmt.Errorf("%s: %w", argv[0], err)
	}
	return nil
}

// tail keeps the end of what is written to it.
type tail struct{ text string }

func (t *tail) Write(p []byte) (int, error) {
	t.text += string(p[max(0, len(p)-said):])
	t.text = strings.ToValidUTF8(t.text[max(0, len(t.text)-said):], "")
	return len(p), nil
}
