package ledger

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/orobridge/orobridge/bridge"
)

// Links that are set at once have much in common, and there are millions of them: who set them, and how their keys begin and end. That
// stands once, as their setting, and a link has the rest. It is packed here, and unpacked by the view "linked", which is what readers read.

// setting is what links have in common.
type setting struct {
	entity string // as the ledger names it
	ends
	feed          string
	drop, run, at int64
	fate          bridge.RowFate // by which the links were made, where they tell that themselves
}

// ends are what all of some keys begin and end with: ASCII, so that no character is cut.
type ends struct{ head, tail string }

// severalKeys is how many keys are worth a place for their ends.
const severalKeys = 8

func endsOf(keys []string) (e ends) {
	if len(keys) < severalKeys {
		return e
	}
	e.head = plainStart(keys[0])
	for _, key := range keys[1:] {
		for !strings.HasPrefix(key, e.head) {
			e.head = e.head[:len(e.head)-1]
		}
	}
	e.tail = plainEnd(keys[0][len(e.head):])
	for _, key := range keys[1:] {
		for !strings.HasSuffix(key[len(e.head):], e.tail) {
			e.tail = e.tail[1:]
		}
	}
	return e
}

func plainStart(key string) string {
	for i := range len(key) {
		if key[i] >= 0x80 {
			return key[:i]
		}
	}
	return key
}

func plainEnd(key string) string {
	for i := len(key); i > 0; i-- {
		if key[i-1] >= 0x80 {
			return key[i:]
		}
	}
	return key
}

// rest is what is left of a key without its ends; false if it has others.
func (e ends) rest(key string) (string, bool) {
	if len(key) < len(e.head)+len(e.tail) || !strings.HasPrefix(key, e.head) || !strings.HasSuffix(key, e.tail) {
		return key, false
	}
	return key[len(e.head) : len(key)-len(e.tail)], true
}

// setting enters what a link has in common with others that the transaction sets, unless that stands there, and tells its number and
// what is left of the link's key.
func (s statements) setting(ctx context.Context, k *bridge.Link, fate bridge.RowFate) (number int64, rest string, err error) {
	of := setting{s.of(k.Entity), s.shared.ends, k.Feed, k.Drop, k.Run, millis(k.At), fate}
	rest, ok := of.rest(k.Key)
	if !ok {
		of.ends = ends{}
	}
	number, ok = s.shared.settings[of]
	if ok {
		return number, rest, nil
	}
	number, err = s.Insert(ctx, `INSERT INTO settings (entity, head, tail, feed, drop_id, run, at, fate) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		of.entity, of.head, of.tail, of.feed, of.drop, of.run, of.at, string(of.fate))
	if err == nil {
		s.shared.settings[of] = number
	}
	return number, rest, err
}

// sweepSettings takes away the settings that no link has any more.
const sweepSettings = `DELETE FROM settings WHERE NOT EXISTS (SELECT 1 FROM accepted a WHERE a.setting = settings.id)`

// shortened begins an id of the shop that begins with a UUID: 22 characters of base64 stand for that. It is doubled where an id begins so
// itself.
const shortened = "~"

const uuidLength, shortLength = 36, 22

// shortID is an id of the shop as it is kept.
func shortID(id string) string {
	if strings.HasPrefix(id, shortened) {
		return shortened + id
	}
	if len(id) < uuidLength || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' {
		return id
	}
	var digits [32]byte
	var uuid [16]byte
	at := digits[:0]
	for _, part := range []string{id[:8], id[9:13], id[14:18], id[19:23], id[24:uuidLength]} {
		at = append(at, part...)
	}
	for _, c := range digits {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return id
		}
	}
	if _, err := hex.Decode(uuid[:], digits[:]); err != nil {
		return id
	}
	b := append(make([]byte, 0, 32), shortened...)
	return string(append(base64.RawURLEncoding.AppendEncode(b, uuid[:]), id[uuidLength:]...))
}

// longID is what shortID has made short. What that can't have made stays as it is.
func longID(short string) string {
	id, is := strings.CutPrefix(short, shortened)
	if !is || strings.HasPrefix(id, shortened) {
		return id
	}
	if len(id) < shortLength {
		return short
	}
	uuid, err := base64.RawURLEncoding.DecodeString(id[:shortLength])
	if err != nil || len(uuid) != 16 { // base64 leaves ends of lines out
		return short
	}
	text := hex.EncodeToString(uuid)
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:] + id[shortLength:]
}
