package orotest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// event is a change that webhooks tell of.
type event struct {
	topic, id, document string
}

// hooked is the only resource whose topics are open.
const hooked = "orders"

// events are what a commit means for subscribers.
func (s *Shop) events(done []change) []event {
	if s.tables["webhooks"].count == 0 {
		return nil
	}
	var l []event
	seen := make(map[int32]bool)
	for _, c := range done {
		if c.table.name != hooked || seen[serialOf(c.old, c.next)] {
			continue
		}
		seen[serialOf(c.old, c.next)] = true
		if c.next == nil {
			continue // the shop looks for the record when it delivers, and drops the message
		}
		e := event{topic: "order.updated", id: c.table.id(serialOf(c.old, c.next))}
		if c.old == nil {
			e.topic = "order.created"
		}
		e.document = string((&view{shop: s}).record(nil, c.table, c.next, "", ""))
		l = append(l, e)
	}
	return l
}

// subscription is a webhook as a delivery needs it.
type subscription struct {
	serial              int32
	url, secret, format string
}

// publish puts the deliveries of events into the queue.
func (s *Shop) publish(events []event) {
	for _, e := range events {
		e, id, now := e, newUUID(), s.clock()
		s.queue.push(false, func(context.Context) {
			for _, sub := range s.subscriptions(e.topic) {
				s.queue.push(false, func(ctx context.Context) { s.deliver(ctx, sub, e, id, now) })
			}
		})
	}
}

func (s *Shop) subscriptions(topic string) []subscription {
	s.mu.RLock()
	defer s.mu.RUnlock()
	t, d := s.tables["webhooks"], s.draft(false)
	n, _ := s.tables["webhooktopics"].parseID(topic)
	var l []subscription
	for _, m := range t.refs[t.byName["topic"].slot][n] {
		e := &entity{draft: d, table: t, record: t.get(m)}
		if e.raw("enabled") == "true" {
			l = append(l, subscription{m, e.text("notificationUrl"), e.text("secret"), s.tables["webhookformats"].id(e.ref("format"))})
		}
	}
	return l
}

// deliver tries once. A receiver that is down never hears of it again, one that answers 410 is forgotten.
func (s *Shop) deliver(ctx context.Context, sub subscription, e event, id string, at time.Time) {
	data := `{"type":"` + hooked + `","id":"` + e.id + `"}`
	if sub.format == "default" && e.document != "" {
		data = e.document
	}
	body := encode(struct {
		Topic     string          `json:"topic"`
		Event     json.RawMessage `json:"eventData"`
		Timestamp int64           `json:"timestamp"`
		ID        string          `json:"messageId"`
	}{e.topic, json.RawMessage(`{"data":` + data + `}`), at.Unix(), id})
	s.pause(ctx, s.latency.Webhook)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, sub.url, bytes.NewReader([]byte(body)))
	if err != nil {
		return
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "*/*")
	r.Header.Set("User-Agent", "Symfony HttpClient (Curl)")
	r.Header.Set("Webhook-Topic", e.topic)
	r.Header.Set("Webhook-Id", id)
	if sub.secret != "" {
		r.Header.Set("Webhook-Signature", sign(sub.secret, body))
		r.Header.Set("Webhook-Signature-Algorithm", "HMAC-SHA256")
	}
	response, err := s.client.Do(r)
	if err != nil {
		return
	}
	_ = response.Body.Close()
	if response.StatusCode == http.StatusGone {
		s.mu.Lock()
		s.remove(s.tables["webhooks"], []int32{sub.serial})
		s.mu.Unlock()
	}
}

func sign(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
