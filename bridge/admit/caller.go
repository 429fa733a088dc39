package admit

import (
	"context"
	"slices"

	"github.com/orobridge/orobridge/bridge"
)

// A Role is what somebody may do; each may do what those before it may.
type Role int

// The roles. The zero Role is nobody's.
const (
	Viewer   Role = iota + 1 // looks, but not at personal data
	Operator                 // decides, and sees personal data
	Admin                    // pauses the shop, and says who else may come
)

// roles are the names that config and tokens use.
var roles = []string{"", "viewer", "operator", "admin"}

// String is the role's name in the config; empty for the zero Role.
func (r Role) String() string { return roles[r] }

// RoleOf finds a role by its name; the zero Role when there is none of it.
func RoleOf(name string) Role { return Role(max(0, slices.Index(roles, name))) }

// Means is by what a caller was known.
type Means string

// The means.
const (
	BySession Means = "session"
	ByToken   Means = "token"
	ByProxy   Means = "proxy"
)

// A Caller is who sent a request. A nil Caller is nobody and may nothing.
type Caller struct {
	Name  string // of a person, or "token NAME"
	Role  Role
	Shops []string // whose data they may see; none: all
	From  string   // IP address, the client's own behind a trusted proxy
	Means Means
}

// May says whether the caller has a role, or one above it.
func (c *Caller) May(r Role) bool { return c != nil && r > 0 && c.Role >= r }

// Sees says whether the caller may see a shop's data.
func (c *Caller) Sees(shop string) bool {
	return c != nil && (len(c.Shops) == 0 || slices.Contains(c.Shops, shop))
}

// Decision is what the ledger keeps of who decides, or looks, and why.
func (c *Caller) Decision(why string) bridge.Decision {
	return bridge.Decision{Who: c.Name, From: c.From, Why: why}
}

type callerKey struct{}

// CallerOf is who sent a request; nil: nobody.
func CallerOf(ctx context.Context) *Caller {
	c, _ := ctx.Value(callerKey{}).(*Caller)
	return c
}

// WithCaller has a request come from a caller, for tests of what stands behind a gate.
func WithCaller(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}
