package post_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/notify/post"
)

var begun = time.Date(2026, 11, 21, 6, 40, 0, 0, time.UTC)

// alarm is a letter with all that one may have.
var alarm = bridge.Letter{Message: bridge.MessageBegun, Kind: bridge.AlarmRejected, Severity: bridge.SeverityError,
	Subject: "Alarm: feed prices: Dateien wurden nicht geladen, überholt", Text: "Zeile eins\n.\nZeile drei, ü", Of: "feed prices", Feed: "prices",
	File: "p.csv", Drop: 7, Order: "ORD-1", Count: 3, Number: 4, Link: "https://bridge.example.com/alarms", Begun: &begun}

func route(url string) *config.Route { return &config.Route{Name: "ops", URL: bridge.Secret(url)} }

// chat is an endpoint that takes what is posted to it.
func chat(t *testing.T, status int) (address string, got chan *http.Request, bodies chan string) {
	t.Helper()
	got, bodies = make(chan *http.Request, 10), make(chan string, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got <- r
		bodies <- string(body)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://"), got, bodies
}

func TestAWebhookGetsTheWholeLetterAsJSON(t *testing.T) {
	host, got, bodies := chat(t, http.StatusOK)
	err := (&post.Office{}).Send(t.Context(), route("generic+http://"+host+"/hooks/x?@Authorization=Bearer+t0ken&a=b"), alarm)
	if err != nil {
		t.Fatal(err)
	}
	r := <-got
	if r.URL.Path != "/hooks/x" || r.URL.RawQuery != "a=b" || r.Header.Get("Authorization") != "Bearer t0ken" ||
		r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %v", r.URL, r.Header)
	}
	var said map[string]string
	if err := json.Unmarshal([]byte(<-bodies), &said); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"message": "begun", "kind": "rejected", "severity": "error", "subject": alarm.Subject, "text": alarm.Text,
		"of": "feed prices", "feed": "prices", "file": "p.csv", "drop": "7", "order": "ORD-1", "count": "3", "alarm": "4",
		"link": alarm.Link, "begun": "2026-11-21T06:40:00Z"}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Error(diff)
	}
}

func TestAChatGetsTitleAndText(t *testing.T) {
	host, got, bodies := chat(t, http.StatusOK)
	if err := (&post.Office{}).Send(t.Context(), route("ntfy://"+host+"/alarms?scheme=http"), alarm); err != nil {
		t.Fatal(err)
	}
	if r := <-got; r.URL.Path != "/alarms" || r.Header.Get("Title") == "" {
		t.Errorf("%s, title %q", r.URL, r.Header.Get("Title"))
	}
	if body := <-bodies; body != alarm.Text {
		t.Errorf("it got %q", body)
	}
	// A service that shoutrrr knows and that has no titles of its own gets both as text.
	if err := (&post.Office{}).Send(t.Context(), route("rocketchat://"+host+"/tokenA/tokenB"), alarm); err == nil {
		t.Error("rocketchat speaks HTTPS, and the endpoint does not")
	}
}

// mailServer takes mails as an SMTP server does (RFC 5321), and hands them on.
func mailServer(t *testing.T, refuse string) (address string, mails chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mails = make(chan string, 10)
	ended := make(chan struct{})
	t.Cleanup(func() {
		l.Close()
		<-ended
	})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serveMail(conn, refuse, mails)
		}
	}()
	return l.Addr().String(), mails
}

// serveMail answers one client.
func serveMail(conn net.Conn, refuse string, mails chan<- string) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	c := textproto.NewReader(bufio.NewReader(conn))
	say := func(line string) { _, _ = io.WriteString(conn, line+"\r\n") }
	say("220 mail.test ESMTP")
	for {
		line, err := c.ReadLine()
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		switch {
		case refuse != "" && strings.HasPrefix(strings.ToUpper(line), refuse):
			say("550 not here")
		case verb == "EHLO":
			say("250-mail.test")
			say("250 8BITMIME")
		case verb == "DATA":
			say("354 go ahead")
			lines, err := c.ReadDotLines()
			if err != nil {
				return
			}
			mails <- strings.Join(lines, "\n")
			say("250 taken")
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func TestAMailArrivesWholeWithItsSubject(t *testing.T) {
	address, mails := mailServer(t, "")
	err := (&post.Office{}).Send(t.Context(), route("smtp://"+address+"/?from=bridge@example.com&to=ops@example.com&starttls=no"), alarm)
	if err != nil {
		t.Fatal(err)
	}
	m, err := mail.ReadMessage(strings.NewReader(<-mails))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != alarm.Subject {
		t.Errorf("subject %q, %v", subject, err)
	}
	body, err := io.ReadAll(m.Body)
	if err != nil || strings.TrimSpace(string(body)) != alarm.Text {
		t.Errorf("text %q, %v", body, err)
	}
	if m.Header.Get("To") != "ops@example.com" || !strings.Contains(m.Header.Get("Content-Type"), "UTF-8") {
		t.Errorf("%v", m.Header)
	}
}

func TestAMailThatIsRefusedFails(t *testing.T) {
	address, _ := mailServer(t, "RCPT")
	err := (&post.Office{}).Send(t.Context(), route("smtp://user:pa55word@"+address+"/?from=bridge@example.com&to=ops@example.com&starttls=no"), alarm)
	if err == nil {
		t.Error("it was sent")
	}
}

func TestAnErrorHoldsNoSecret(t *testing.T) {
	refuses, _, _ := chat(t, http.StatusForbidden)
	closed, _ := mailServer(t, "EHLO")
	for _, url := range []string{
		"generic+http://127.0.0.1:1/hooks/s3cret-path?@Authorization=s3cret-token&x=s3cret-value",
		"generic+http://" + refuses + "/hooks/s3cret-path?template=s3cret-template",
		"ntfy://s3cret-user:s3cret-word@" + refuses + "/s3cret-topic?scheme=http",
		"ntfy://127.0.0.1:1/s3cret-topic?scheme=http",
		"mattermost://s3cret-user@127.0.0.1:1/s3cret-token/s3cret-channel?disabletls=yes",
		"smtp://s3cret-user:s3cret-word@" + closed + "/?from=s3cret@example.com&to=s3cret@example.com",
		"s3cret", "nothing://s3cret-host/s3cret", "generic+http://%zz-s3cret",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		err := (&post.Office{}).Send(ctx, route(url), alarm)
		cancel()
		if err == nil {
			t.Errorf("%s has taken it", url)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", url, err)
		}
		if err := post.Check(url); err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s, checked: %v", url, err)
		}
	}
	for _, url := range []string{"telegram://s3cret:token@telegram?chats=s3cret-chat", "slack://s3cret", "discord://s3cret-token",
		"teams://s3cret@s3cret/s3cret", "opsgenie://", "smtp://s3cret@mail.example.com"} {
		if err := post.Check(url); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s, checked: %v", url, err)
		}
	}
}

func TestAServiceThatDoesNotAnswerIsGivenUp(t *testing.T) {
	answer := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-answer }))
	defer s.Close()
	defer close(answer)
	o := &post.Office{}
	r := route("generic+http://" + strings.TrimPrefix(s.URL, "http://"))
	for i := range 5 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		err := o.Send(ctx, r, alarm)
		cancel()
		if err == nil || (i == 4) != strings.Contains(err.Error(), "earlier messages") {
			t.Errorf("try %d: %v", i, err)
		}
	}
}

// program writes a script.
func program(t *testing.T, script string) (file, dir string) {
	t.Helper()
	dir = t.TempDir()
	file = filepath.Join(dir, "page")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return file, dir
}

func TestAProgramGetsTheLetterAndNoSecret(t *testing.T) {
	t.Setenv("ORO_CLIENT_SECRET", "s3cret")
	file, dir := program(t, `cat > "$1/letter"; echo "$2" > "$1/said"; env > "$1/env"`)
	r := &config.Route{Name: "night", Command: []string{file, dir, "$(touch harm); two words"}}
	if err := (&post.Office{}).Send(t.Context(), r, alarm); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	var l bridge.Letter
	if err := json.Unmarshal([]byte(read("letter")), &l); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(alarm, l); diff != "" {
		t.Error(diff)
	}
	if got := read("said"); got != "$(touch harm); two words\n" {
		t.Errorf("its argument is %q", got)
	}
	if strings.Contains(read("env"), "s3cret") {
		t.Errorf("it was told a secret:\n%s", read("env"))
	}
}

func TestAProgramThatFailsSaysWhy(t *testing.T) {
	file, _ := program(t, "cat > /dev/null; echo no modem >&2; exit 3")
	err := (&post.Office{}).Send(t.Context(), &config.Route{Command: []string{file}}, alarm)
	if err == nil || !strings.Contains(err.Error(), "no modem") || !strings.Contains(err.Error(), "3") {
		t.Errorf("%v", err)
	}
	if err := (&post.Office{}).Send(t.Context(), &config.Route{Command: []string{file + "-none"}}, alarm); err == nil {
		t.Error("a program that is not there has taken it")
	}
}

func TestAProgramThatDoesNotEndIsEnded(t *testing.T) {
	file, _ := program(t, "exec sleep 600")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := (&post.Office{}).Send(ctx, &config.Route{Command: []string{file}}, alarm); err == nil {
		t.Error("it has ended well")
	}
}
