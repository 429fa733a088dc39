package sftp

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/orobridge/orobridge/bridge"
)

var (
	_ bridge.Ending  = (*Remote)(nil)
	_ bridge.Clocked = (*Remote)(nil)
)

// seen is what a remote's server has shown in passing, and what may end.
type seen struct {
	remote string // its name
	login  string // file of the certificate that logs in; empty without

	mu    sync.Mutex
	host  bridge.End    // of the certificate that the server showed last; zero without
	ahead time.Duration // the server's clock, by the last file that was written
}

// Ends implements [bridge.Ending]: the config's certificate as its file says now, and the one that the server showed last. What can't be
// read is told by the next login.
func (s *seen) Ends() []bridge.End {
	var all []bridge.End
	if s.login != "" {
		if text, err := os.ReadFile(s.login); err == nil {
			if key, _, _, _, err := ssh.ParseAuthorizedKey(text); err == nil {
				all = appendEnd(all, key, fmt.Sprintf("the certificate %s of remote %s", filepath.Base(s.login), s.remote))
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.host.At.IsZero() {
		all = append(all, s.host)
	}
	return all
}

// noteHost notes when the certificate ends that the server has shown, if it has one.
func (s *seen) noteHost(key ssh.PublicKey) {
	ends := appendEnd(nil, key, fmt.Sprintf("the host certificate of remote %s", s.remote))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.host = (bridge.End{}); len(ends) > 0 {
		s.host = ends[0]
	}
}

// Ahead implements [bridge.Clocked], by the time of the last file that was written.
func (s *seen) Ahead() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ahead
}

// noteClock notes when the server says that a file was made, which was written between two times of this machine. A server that tells no
// times has no clock.
func (s *seen) noteClock(made, began, ended time.Time) {
	if made.IsZero() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead = (max(0, made.Sub(ended)) + min(0, made.Sub(began))).Round(time.Second)
}

// appendEnd appends when a key ends, if it is a certificate that does.
func appendEnd(all []bridge.End, key ssh.PublicKey, what string) []bridge.End {
	c, ok := key.(*ssh.Certificate)
	if !ok || c.ValidBefore == ssh.CertTimeInfinity {
		return all
	}
	return append(all, bridge.End{What: what, From: moment(c.ValidAfter), At: moment(c.ValidBefore)})
}

// moment is a time of a certificate; zero for none.
func moment(t uint64) time.Time {
	if t == 0 || t > 1<<40 {
		return time.Time{}
	}
	return time.Unix(int64(t), 0).UTC()
}
