package operate

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// Token is a program that may come in.
type Token struct {
	Name    string     `json:"name"`
	Role    string     `json:"role"`
	Shops   []string   `json:"shops"` // none: all
	State   string     `json:"state"` // good, expired, revoked
	By      string     `json:"by"`    // who made it
	Made    *time.Time `json:"made"`
	Expires *time.Time `json:"expires"` // null: never
	Revoked *time.Time `json:"revoked"`
	Token   string     `json:"token,omitempty"` // itself, only when it is made
}

func newToken(t *bridge.Token, now time.Time) *Token {
	v := &Token{Name: t.Name, Role: t.Role, Shops: append([]string{}, t.Shops...), State: "good", By: t.By, Made: moment(t.Made),
		Expires: moment(t.Expires), Revoked: moment(t.Revoked)}
	switch {
	case !t.Revoked.IsZero():
		v.State = "revoked"
	case !t.Expires.IsZero() && !now.Before(t.Expires):
		v.State = "expired"
	}
	return v
}

// tokenPrefix tells scanners of repositories and logs what they have found.
const tokenPrefix = "orobridge_"

// maxTokenName is the longest name of a token in bytes.
const maxTokenName = 64

// Tokens is where it is decided which programs may come in.
type Tokens struct {
	Ledger TokenLedger
	By     bridge.Decision
}

// A TokenLedger keeps tokens.
type TokenLedger interface {
	// Tokens lists all tokens, oldest first. AddToken numbers one; an error wrapping [bridge.ErrTaken]: another one of its name is
	// good. RevokeToken ends the one of a name that is good; [bridge.ErrUnknown] when there is none.
	Tokens(ctx context.Context) ([]*bridge.Token, error)
	AddToken(ctx context.Context, t *bridge.Token, events ...*bridge.Event) error
	RevokeToken(ctx context.Context, name string, at time.Time, events ...*bridge.Event) error
}

// Create makes a token with a role, until a time (zero: for good). Only the answer holds the token itself.
func (k Tokens) Create(ctx context.Context, name, role string, shops []string, expires time.Time) (*Token, error) {
	now := time.Now().UTC()
	if bridge.SafeName(name) != nil || len(name) > maxTokenName || strings.TrimSpace(name) != name {
		return nil, &Mistake{fmt.Sprintf("%q can't be a token's name", bridge.Shorten(name, maxTokenName)), "name the program: shop-admin"}
	}
	if !expires.IsZero() && !expires.After(now) {
		return nil, &Mistake{fmt.Sprintf("%s is over already", expires.UTC().Format(time.RFC3339)), "name an end that is to come, or none"}
	}
	key := tokenPrefix + rand.Text()
	t := &bridge.Token{Name: name, Hash: bridge.KeyHash(key), Role: role, Shops: shops, By: k.By.Who, Made: now, Expires: expires}
	until := "for good"
	if !expires.IsZero() {
		until = "until " + expires.UTC().Format(time.RFC3339)
	}
	event := k.By.On(&bridge.Event{At: now, Kind: bridge.DecisionTaken, Work: "token " + name, Text: "created, as " + role + ", " + until})
	err := k.Ledger.AddToken(ctx, t, event)
	if errors.Is(err, bridge.ErrTaken) {
		return nil, &Mistake{"there is a token " + name, "revoke it first, or choose another name"}
	}
	if err != nil {
		return nil, err
	}
	v := newToken(t, now)
	v.Token = key
	return v, nil
}

// List lists all tokens, oldest first.
func (k Tokens) List(ctx context.Context) ([]*Token, error) {
	tokens, err := k.Ledger.Tokens(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]*Token, len(tokens))
	for i, t := range tokens {
		list[i] = newToken(t, time.Now())
	}
	return list, nil
}

// Revoke ends the token of a name, at once.
func (k Tokens) Revoke(ctx context.Context, name string) error {
	now := time.Now().UTC()
	event := k.By.On(&bridge.Event{At: now, Kind: bridge.DecisionTaken, Work: "token " + name, Text: "revoked"})
	err := k.Ledger.RevokeToken(ctx, name, now, event)
	if errors.Is(err, bridge.ErrUnknown) {
		return &Mistake{"there is no token " + name + " that is good", "see `orobridge token list`"}
	}
	return err
}
