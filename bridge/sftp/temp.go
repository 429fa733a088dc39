package sftp

import (
	"path"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// staleAfter is the age at which a temporary file of the bridge belongs to nobody any more. It is so long because the
// server's clock may be off, and a second bridge may write into the same folder.
const staleAfter = 24 * time.Hour

// discard removes a temporary file after an error, or remembers it where the connection is broken.
func (r *Remote) discard(c *conn, temp string, err error) {
	if !c.broken(err) && ignoreAnswer(c.files.Remove(temp)) == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stale[temp] = struct{}{}
}

// removeStale removes what discard has remembered. A file that is there no more, or can't be removed, is forgotten.
func (r *Remote) removeStale(c *conn) {
	r.mu.Lock()
	stale := r.stale
	r.stale = map[string]struct{}{}
	r.mu.Unlock()
	for temp := range stale {
		if ignoreAnswer(c.files.Remove(temp)) != nil {
			r.mu.Lock()
			r.stale[temp] = struct{}{}
			r.mu.Unlock()
		}
	}
}

// sweep removes what killed processes have left in a folder, once per folder, at best effort: what goes wrong here is
// no trouble of the file that was just written.
func (r *Remote) sweep(c *conn, folder string) {
	r.mu.Lock()
	done := r.swept[folder]
	r.swept[folder] = true
	r.mu.Unlock()
	if done {
		return
	}
	files, err := c.list(folder)
	if err != nil {
		return
	}
	for _, f := range files {
		if bridge.OwnTemp(r.identity, f.Name) && !f.Dir && !f.Special && !f.MTime.IsZero() && time.Since(f.MTime) > staleAfter {
			_ = c.files.Remove(path.Join(folder, f.Name))
		}
	}
}
