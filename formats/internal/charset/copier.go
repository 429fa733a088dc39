package charset

import (
	"bufio"
	"io"
)

// A Copier copies parts of a file in the file's own encoding: it decodes the file for a reader that knows where its
// parts begin and end, keeps what that reader has read, and writes or drops it part by part.
type Copier struct {
	text io.Reader
	out  io.Writer // encodes
	kept []byte
	done int   // bytes of kept that are copied or dropped
	base int64 // offset of kept[0] in the decoded stream
}

// NewCopier begins a copy of r in w. Declared finds an encoding in the file's first bytes that goes before the
// configured name when that is empty; nil when the form has none.
func NewCopier(w io.Writer, r io.Reader, name string, declared func(head []byte) string) (*Copier, error) {
	raw := bufio.NewReaderSize(r, 4096)
	head, err := raw.Peek(512)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if name == "" && declared != nil {
		name = declared(head)
	}
	enc, err := NewEncoder(Encoding(head, name))
	if err != nil {
		return nil, err
	}
	if _, n := Mark(head); n > 0 {
		enc.SetMark()
	}
	text, err := Decode(raw, name)
	if err != nil {
		return nil, err
	}
	return &Copier{text: text, out: enc.Writer(w)}, nil
}

// Read reads decoded text.
func (c *Copier) Read(p []byte) (int, error) {
	n, err := c.text.Read(p)
	if c.done > len(c.kept)/2 {
		c.kept = c.kept[:copy(c.kept, c.kept[c.done:])]
		c.base += int64(c.done)
		c.done = 0
	}
	c.kept = append(c.kept, p[:n]...)
	return n, err
}

// Copy writes what was read up to the offset and is neither copied nor dropped yet.
func (c *Copier) Copy(to int64) error {
	if c.index(to) == c.done {
		return nil
	}
	_, err := c.out.Write(c.kept[c.done:c.index(to)])
	c.Drop(to)
	return err
}

// Drop leaves out what was read up to the offset.
func (c *Copier) Drop(to int64) { c.done = c.index(to) }

// Replace writes, instead of what was read up to the offset, what edit makes of it.
func (c *Copier) Replace(to int64, edit func(text []byte) []byte) error {
	_, err := c.out.Write(edit(c.kept[c.done:c.index(to)]))
	c.Drop(to)
	return err
}

// Rest is the offset of the end of what was read.
func (c *Copier) Rest() int64 { return c.base + int64(len(c.kept)) }

func (c *Copier) index(to int64) int {
	return int(min(max(to-c.base, int64(c.done)), int64(len(c.kept))))
}
