package password

import (
	"net/netip"
	"sync"
	"time"
)

// How failed logins slow down those that follow.
const (
	freeFailures  = 3                // cost nothing
	longestWait   = 16 * time.Second // of a password before it is looked at
	shutFailures  = 10               // of an address: from then on connections are refused for a while
	longestShut   = 5 * time.Minute
	forgetFailure = time.Hour // after the last one
	maxRemembered = 10_000    // addresses and accounts; strangers cost no more memory than that
)

// A Throttle counts the failed logins of addresses and accounts. A success forgets the failures of its address, and from
// then on failures of others with this account do not slow the account's own address down.
type Throttle struct {
	mu        sync.Mutex
	addresses map[netip.Addr]*failures
	accounts  map[string]*failures
	friends   map[friend]time.Time // when they last logged in
}

type failures struct {
	count int
	last  time.Time
}

type friend struct {
	address netip.Addr
	account string
}

// NewThrottle has nobody wait yet.
func NewThrottle() *Throttle {
	return &Throttle{addresses: map[netip.Addr]*failures{}, accounts: map[string]*failures{}, friends: map[friend]time.Time{}}
}

// origin is what counts as one address: of IPv6 the network of 64 bits, which one customer has as a whole.
func origin(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// growth doubles from a second, after the failures that are free.
func growth(n, free int, longest time.Duration) time.Duration {
	if n < free {
		return 0
	}
	return min(time.Second<<min(n-free, 20), longest)
}

// Wait is how long a password waits before it is looked at.
func (t *Throttle) Wait(a netip.Addr, account string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	a = origin(a)
	n := count(t.addresses[a])
	if _, ok := t.friends[friend{a, account}]; !ok {
		n = max(n, count(t.accounts[account]))
	}
	return growth(n, freeFailures, longestWait)
}

// Shut says how long the address is still kept out.
func (t *Throttle) Shut(a netip.Addr) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.addresses[origin(a)]
	n := count(f)
	if n < shutFailures {
		return 0
	}
	return max(0, growth(n, shutFailures, longestShut)-time.Since(f.last))
}

func count(f *failures) int {
	if f == nil || time.Since(f.last) > forgetFailure {
		return 0
	}
	return f.count
}

// Failed counts a failed login; without an account, a connection that tried none.
func (t *Throttle) Failed(a netip.Addr, account string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	add(t.addresses, origin(a))
	if account != "" {
		add(t.accounts, account)
	}
}

func add[K comparable](all map[K]*failures, key K) {
	if len(all) >= maxRemembered && all[key] == nil {
		forget(all)
	}
	all[key] = &failures{count: count(all[key]) + 1, last: time.Now()}
}

// forget makes room: what is old goes; when nothing is, half of all goes, whichever.
func forget[K comparable](all map[K]*failures) {
	for key, f := range all {
		if count(f) == 0 {
			delete(all, key)
		}
	}
	for key := range all {
		if len(all) <= maxRemembered/2 {
			return
		}
		delete(all, key)
	}
}

// Knows says whether somebody has logged in to an account from an address.
func (t *Throttle) Knows(a netip.Addr, account string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.friends[friend{origin(a), account}]
	return ok
}

// Succeeded forgets the failures of an address.
func (t *Throttle) Succeeded(a netip.Addr, account string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a = origin(a)
	delete(t.addresses, a)
	if len(t.friends) >= maxRemembered {
		clear(t.friends)
	}
	t.friends[friend{a, account}] = time.Now()
}
