package sftp

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/orobridge/orobridge/bridge"
)

var (
	_ bridge.Ending  = (*Remote)(nil)
	_ bridge.Clocked = (*Remote)(nil)
)

// Ends implements [bridge.Ending]: the config's certificate as its file says now, and the one that the server showed last. What can't be
// read is told by the next login.
func (r *Remote) Ends() []bridge.End {
	var all []bridge.End
	if r.certificate != "" {
		if text, err := os.ReadFile(r.certificate); err == nil {
			if key, _, _, _, err := ssh.ParseAuthorizedKey(text); err == nil {
				all = appendEnd(all, key, fmt.Sprintf("the certificate %s of remote %s", filepath.Base(r.certificate), r.name))
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.host.At.IsZero() {
		all = append(all, r.host)
	}
	return all
}

// noteHost notes when the certificate ends that the server has shown, if it has one.
func (r *Remote) noteHost(key ssh.PublicKey) {
	ends := appendEnd(nil, key, fmt.Sprintf("the host certificate of remote %s", r.name))
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host = (bridge.End{}); len(ends) > 0 {
		r.host = ends[0]
	}
}

// Ahead implements [bridge.Clocked], by the time of the last file that was written.
func (r *Remote) Ahead() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ahead
}

// noteClock notes when the server says that a file was made, which was written between two times of this machine. A server that tells no
// times has no clock.
func (r *Remote) noteClock(made, began, ended time.Time) {
	if made.IsZero() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ahead = (max(0, made.Sub(ended)) + min(0, made.Sub(began))).Round(time.Second)
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
