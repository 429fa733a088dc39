package sftp

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// maxListing bounds the bytes of one listing: MaxListing names of 100 characters, each with OpenSSH's line for people. pkg/sftp
// needs some 150 bytes of memory a name beside its characters, and none for the rest.
const maxListing = 64 << 20

// listingTime bounds a whole listing, however much comes: a server that sends a name now and then holds nobody up.
const listingTime = 2 * time.Minute

// A listing ends with these, and with the connection, because pkg/sftp reads on until the server says that it is done.
var (
	errCrowded = errors.New("more entries than a folder may have")
	errSlow    = errors.New("the listing takes too long")
)

// list reads a folder.
func (c *conn) list(full string) ([]bridge.File, error) {
	c.entries.Store(bridge.MaxListing + 2) // "." and ".."
	c.budget.Store(maxListing)
	late := time.AfterFunc(c.listingTime, func() { c.cut(errSlow) })
	defer func() {
		late.Stop()
		c.entries.Store(-1)
		c.budget.Store(-1)
	}()
	infos, err := c.files.ReadDir(full)
	if err != nil {
		return nil, err
	}
	files := make([]bridge.File, len(infos))
	for i, info := range infos {
		files[i] = asFile(info)
		infos[i] = nil
	}
	slices.SortFunc(files, func(x, y bridge.File) int { return strings.Compare(x.Name, y.Name) })
	return slices.CompactFunc(files, func(x, y bridge.File) bool { return x.Name == y.Name }), nil
}

// cut ends the connection for a reason.
func (c *conn) cut(why error) {
	c.why.CompareAndSwap(nil, &why)
	_ = c.tcp.Close()
}

// whyCut is the reason for which the connection was cut; nil when it was not, or for another one.
func (c *conn) whyCut() error {
	if why := c.why.Load(); why != nil {
		return *why
	}
	return nil
}

// spend takes what has come off the budgets of a listing.
func (c *conn) spend(budget *atomic.Int64, n int64) bool {
	b := budget.Load()
	if b < 0 {
		return true
	}
	if b < n {
		c.cut(errCrowded)
		return false
	}
	budget.CompareAndSwap(b, b-n)
	return true
}

// names counts the entries that packets announce as they pass, before pkg/sftp makes anything of them.
type names struct {
	head []byte // of the packet that begins
	rest int64  // of the packet that passes
}

// nameHead is the beginning of a packet with names (draft-ietf-secsh-filexfer-02, section 7): length, type, request, count.
const (
	nameHead = 13
	typeName = 104
)

func (s *names) count(p []byte) (entries int64) {
	for len(p) > 0 {
		if s.rest > 0 {
			n := min(s.rest, int64(len(p)))
			s.rest -= n
			p = p[n:]
			continue
		}
		want := 5
		if len(s.head) >= 5 {
			want = nameHead
		}
		n := min(want-len(s.head), len(p))
		s.head = append(s.head, p[:n]...)
		p = p[n:]
		if len(s.head) < want {
			continue
		}
		length := int64(binary.BigEndian.Uint32(s.head))
		if want == 5 && s.head[4] == typeName && length >= nameHead-4 {
			continue // its count has yet to come
		}
		if want == nameHead {
			entries += int64(binary.BigEndian.Uint32(s.head[9:]))
		}
		s.rest = max(length+4-int64(len(s.head)), 0)
		s.head = s.head[:0]
	}
	return entries
}

// List returns the entries of a folder.
func (r *Remote) List(ctx context.Context, folder string) ([]bridge.File, error) {
	var files []bridge.File
	err := r.do(ctx, "list", folder, func(c *conn, at place) error {
		err := c.folder(at)
		if err == nil {
			files, err = c.list(c.full(at))
		}
		return err
	})
	return files, err
}
