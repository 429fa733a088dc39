package sftp

import (
	"context"
	"encoding/binary"
	"errors"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"

	"github.com/orobridge/orobridge/bridge"
)

// maxListing bounds the bytes of one listing: MaxListing names of 100 characters, each with OpenSSH's line for people.
const maxListing = 64 << 20

// listingTime bounds a whole listing, however much comes: a server that sends a name now and then holds nobody up.
const listingTime = 2 * time.Minute

// A listing ends with these, and with the connection, because pkg/sftp reads on until the server says that it is done.
var (
	errCrowded = errors.New("more entries than a folder may have")
	errSlow    = errors.New("the listing takes too long")
	errGarbled = errors.New("the listing breaks off within a name or its attributes")
)

// listing is one that is under way. Its names are taken out of the server's answers as they come, and pkg/sftp, which asks for them, gets
// answers without any: it makes four pieces of memory of each, and a folder in which very many files wait is listed again and again.
type listing struct {
	entries int64  // that may still come
	bytes   int    // that may still come
	packet  []byte // the one that came last

	mu    sync.Mutex
	pages [][]bridge.File
}

// list reads a folder.
func (c *conn) list(full string) ([]bridge.File, error) {
	l := &listing{entries: bridge.MaxListing + 2, bytes: maxListing} // "." and ".."
	c.listing.Store(l)
	late := time.AfterFunc(c.listingTime, func() { c.cut(errSlow) })
	defer late.Stop()
	_, err := c.files.ReadDir(full)
	c.listing.Store(nil)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return inOrder(slices.Concat(l.pages...)), nil
}

// inOrder sorts files by name, each name once.
func inOrder(files []bridge.File) []bridge.File {
	slices.SortFunc(files, func(x, y bridge.File) int { return strings.Compare(x.Name, y.Name) })
	return slices.CompactFunc(files, func(x, y bridge.File) bool { return x.Name == y.Name })
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

// A packet begins with its length, of what follows, its type, and the number of the request; one with names goes on with their count
// (draft-ietf-secsh-filexfer-02, sections 3 and 7).
const (
	lengthSize = 4
	nameHead   = 13
	typeName   = 104
	maxPacket  = 256 << 10 // of pkg/sftp, which reads none that is longer
)

// take takes the names out of a packet, if it has any, and returns what is left of it.
func (l *listing) take(packet []byte) ([]byte, error) {
	if len(packet) < nameHead || packet[lengthSize] != typeName {
		return packet, nil
	}
	rest := reader{packet[nameHead-4:], true}
	n := int64(rest.number())
	if l.entries -= n; l.entries < 0 {
		return nil, errCrowded
	}
	page := make([]bridge.File, 0, min(n, int64(len(rest.b)/minEntry)))
	for range n {
		name := string(rest.text())
		rest.text() // a line for people
		if stat := rest.attributes(); name != "." && name != ".." {
			page = append(page, fileOf(path.Base(name), &stat))
		}
		if !rest.whole {
			return nil, errGarbled
		}
	}
	if len(page) > 0 {
		l.mu.Lock()
		l.pages = append(l.pages, page)
		l.mu.Unlock()
	}
	packet = packet[:nameHead]
	binary.BigEndian.PutUint32(packet, nameHead-lengthSize)
	binary.BigEndian.PutUint32(packet[nameHead-4:], 0)
	return packet, nil
}

// minEntry is the least that an entry takes: two texts and the flags of its attributes, all empty.
const minEntry = 12

// reader takes a packet apart. Behind the packet's end there are zeros, and it is not whole.
type reader struct {
	b     []byte
	whole bool
}

func (r *reader) bytes(n uint64) []byte {
	if uint64(len(r.b)) < n {
		r.b, r.whole = nil, false
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) number() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) text() []byte { return r.bytes(uint64(r.number())) }

// attributes are those of section 5.
func (r *reader) attributes() (stat sftp.FileStat) {
	flags := r.number()
	if flags&0x1 != 0 {
		stat.Size = uint64(r.number())<<32 | uint64(r.number())
	}
	if flags&0x2 != 0 {
		r.bytes(8) // owner and group
	}
	if flags&0x4 != 0 {
		stat.Mode = r.number()
	}
	if flags&0x8 != 0 {
		r.number() // the time of the last access
		stat.Mtime = r.number()
	}
	if flags&0x80000000 != 0 {
		for n := r.number(); n > 0 && r.whole; n-- {
			r.text()
			r.text()
		}
	}
	return stat
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
