package sqlite

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/state/ledger"
)

// packer writes changes small, and reads them again. Names of columns and fields are the same in each: they are kept once, and
// numbered. A value that stands in the row is not written once more. Rows are compressed by what stands in the first ones, since rows of
// a file resemble one another.
type packer struct {
	entity  *formats.Entity
	names   []string
	numbers map[string]uint64
	dict    *s2.Dict // of the first rows; nil until there are some, or when they are too short for one
	learned bool
	one     written         // row that was packed last
	block   []byte          // that was packed last
	plain   []byte          // that was expanded last
	noted   []byte          // known of the change that was packed last
	last    string          // the same
	cells   []string        // of the row that was read last
	made    []made          // room for changes that are read
	room    []formats.Value // and for their cells and values
}

// made is a change and its record.
type made struct {
	bridge.Staged
	of formats.Record
}

// One piece of room has so many changes, or values.
const (
	madeAtOnce   = 32
	valuesAtOnce = 256
)

// change makes a change with a record.
func (p *packer) change() *bridge.Staged {
	if len(p.made) == 0 {
		p.made = make([]made, madeAtOnce)
	}
	c := &p.made[0]
	p.made, c.Record = p.made[1:], &c.of
	return &c.Staged
}

// values makes room for n values.
func (p *packer) values(n int64) []formats.Value {
	if n > int64(len(p.room)) {
		p.room = make([]formats.Value, max(n, valuesAtOnce))
	}
	values := p.room[:n:n]
	p.room = p.room[n:]
	return values
}

const (
	longRow    = 128     // bytes of most rows
	dictionary = 4 << 10 // bytes of the first rows that others are compressed by
	inReach    = 64      // cells of a row that a value is looked for in
)

// learn makes the dictionary, of the first changes that are put.
func (p *packer) learn(changes []*bridge.Staged) {
	if p.learned || len(changes) == 0 {
		return
	}
	p.learned = true
	var sample []byte
	for _, c := range changes {
		if sample = append(sample, p.row(c)...); len(sample) >= dictionary {
			break
		}
	}
	p.dict = s2.MakeDict(sample[:min(len(sample), dictionary)], nil)
}

// compress makes packed rows small, with a checksum behind.
func (p *packer) compress(rows []byte) []byte {
	if p.dict == nil {
		return ledger.SealBytes(s2.Encode(nil, rows))
	}
	return ledger.SealBytes(p.dict.Encode(nil, rows))
}

// expand reads what compress wrote.
func (p *packer) expand(b []byte) (string, error) {
	b, err := ledger.UnsealBytes(b, "staged rows")
	if err != nil {
		return "", err
	}
	if p.dict == nil {
		b, err = s2.Decode(p.plain, b)
	} else {
		b, err = p.dict.Decode(p.plain, b)
	}
	if err != nil {
		return "", err
	}
	p.plain = b
	return string(b), nil
}

// row is what the file says: position, record, and the row itself. It stands until another row is packed.
func (p *packer) row(c *bridge.Staged) []byte {
	pos, w := c.Record.Pos, &p.one
	w.b, w.cells, w.packer = w.b[:0], w.cells[:0], p
	w.number(pos.Line)
	w.number(pos.Offset)
	w.text(pos.Segment)
	w.text(pos.Doc)
	w.text(pos.Part)
	w.flags(c.Remove, c.Implied)
	w.number(ledger.Millis(c.Parked))
	w.number(int64(len(c.Raw)))
	for _, cell := range c.Raw {
		w.name(cell.Field)
		w.text(cell.Text)
		if len(w.cells) < inReach {
			w.cells = append(w.cells, cell.Text)
		}
	}
	w.key(c.Key)
	w.values(c.Record.Values)
	return w.b
}

// How the values to send stand in what is known: they are none, those of the record, or others.
const (
	noValues = iota
	recordValues
	otherValues
)

// known is what was found out about a change. Of one change after the other that is mostly the same.
func (p *packer) known(c *bridge.Staged) string {
	w := written{b: p.noted[:0], packer: p}
	w.flags(c.Again, c.Verify)
	w.text(c.OroID)
	w.number(c.Link)
	w.number(int64(c.Cap))
	w.number(int64(c.Tries))
	var missing bridge.Missing
	if c.Missing != nil {
		missing = *c.Missing
	}
	w.text(missing.Entity)
	w.text(missing.Key)
	switch {
	case len(c.Values) == 0 && len(c.Old) == 0:
		w.number(noValues)
	case len(c.Old) == 0 && slices.Equal(c.Values, c.Record.Values):
		w.number(recordValues)
	default:
		w.number(otherValues)
		w.values(c.Values)
		w.values(c.Old)
	}
	if p.noted = w.b; string(w.b) != p.last {
		p.last = string(w.b)
	}
	return p.last
}

// unpack fills a change, of which status and operation are there, with its row and with what is known of it.
func (p *packer) unpack(c *bridge.Staged, row, known string) error {
	r := read{rest: row, packer: p}
	pos := &c.Record.Pos
	pos.Line, pos.Offset = r.number(), r.number()
	pos.Segment, pos.Doc, pos.Part = r.text(), r.text(), r.text()
	c.Remove, c.Implied = r.flags()
	if parked := r.number(); parked != 0 {
		c.Parked = time.UnixMilli(parked).UTC()
	}
	n := r.number()
	if n < 0 || n > int64(len(r.rest)) {
		return errCutOff
	}
	if r.cells = p.cells[:0]; n > 0 {
		c.Raw = p.values(n)
	}
	for i := range c.Raw {
		c.Raw[i] = formats.Value{Field: r.name(), Text: r.text()}
		if len(r.cells) < inReach {
			r.cells = append(r.cells, c.Raw[i].Text)
		}
	}
	c.Key = r.key()
	c.Record.Values = r.values()
	clear(r.cells)
	p.cells = r.cells
	c.Line, c.Record.Entity, c.Record.Key, c.Record.Remove = pos.Line, p.entity, c.Key, c.Remove
	if r.err != nil || c.Status == bridge.Finished {
		return r.err
	}
	return p.unpackKnown(c, known)
}

func (p *packer) unpackKnown(c *bridge.Staged, known string) error {
	r := read{rest: known, packer: p}
	c.Again, c.Verify = r.flags()
	c.OroID, c.Link, c.Cap, c.Tries = r.text(), r.number(), int(r.number()), int(r.number())
	if entity, key := r.text(), r.text(); entity != "" {
		c.Missing = &bridge.Missing{Entity: entity, Key: key}
	}
	switch r.number() {
	case recordValues:
		c.Values = c.Record.Values
	case otherValues:
		c.Values, c.Old = r.values(), r.values()
	}
	return r.err
}

// written is what is being packed.
type written struct {
	b []byte
	*packer
	cells []string // of the row, the first of them
}

func (w *written) number(n int64) { w.b = binary.AppendVarint(w.b, n) }

func (w *written) flags(one, two bool) {
	n := int64(0)
	if one {
		n |= 1
	}
	if two {
		n |= 2
	}
	w.number(n)
}

func (w *written) text(s string) { w.b = append(binary.AppendUvarint(w.b, uint64(len(s))), s...) }

// name writes the number of a name. One that was not seen before gets the next.
func (w *written) name(s string) {
	n, ok := w.numbers[s]
	if !ok {
		n = uint64(len(w.names))
		w.names, w.numbers[s] = append(w.names, s), n
	}
	w.b = binary.AppendUvarint(w.b, n)
}

func (w *written) values(values []formats.Value) {
	w.number(int64(len(values)))
	for _, v := range values {
		w.name(v.Field)
		w.cell(v.Text)
	}
}

// cell writes a text, as the number of the cell that holds it if there is one.
func (w *written) cell(text string) {
	at := slices.Index(w.cells, text)
	w.number(int64(at + 1))
	if at < 0 {
		w.text(text)
	}
}

// key writes a key by its parts, each of which is a cell as a rule. One with escapes is written as a whole.
func (w *written) key(key string) {
	if strings.IndexByte(key, '\\') >= 0 {
		w.number(1)
		w.cell(key)
		return
	}
	w.number(int64(strings.Count(key, "|") + 1))
	for part := range strings.SplitSeq(key, "|") {
		w.cell(part)
	}
}

// read is what is being unpacked. After an error all that follows is empty. Texts are parts of the whole one.
type read struct {
	rest string
	*packer
	cells []string
	err   error
}

var errCutOff = errors.New("a change was cut off")

func (r *read) fail() { r.rest, r.err = "", errCutOff }

// unsigned reads a number as [binary.AppendUvarint] writes it.
func (r *read) unsigned() (n uint64) {
	for i := 0; i < len(r.rest) && i < binary.MaxVarintLen64; i++ {
		b := r.rest[i]
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			r.rest = r.rest[i+1:]
			return n
		}
	}
	r.fail()
	return 0
}

// number reads one as [binary.AppendVarint] writes it.
func (r *read) number() int64 {
	n := r.unsigned()
	return int64(n>>1) ^ -int64(n&1)
}

func (r *read) flags() (one, two bool) {
	n := r.number()
	return n&1 != 0, n&2 != 0
}

// count reads a number that is below a bound.
func (r *read) count(bound int) int {
	n := r.unsigned()
	if r.err != nil || n >= uint64(bound) {
		r.fail()
		return -1
	}
	return int(n)
}

func (r *read) text() string {
	n := r.count(len(r.rest) + 1)
	if n < 0 || n > len(r.rest) {
		r.fail()
		return ""
	}
	text := r.rest[:n]
	r.rest = r.rest[n:]
	return text
}

func (r *read) name() string {
	n := r.count(len(r.names))
	if n < 0 {
		return ""
	}
	return r.names[n]
}

func (r *read) values() []formats.Value {
	n := r.number()
	if n < 0 || n > int64(len(r.rest)) {
		r.fail()
		return nil
	}
	values := r.packer.values(n)
	for i := range values {
		values[i].Field, values[i].Text = r.name(), r.cell()
	}
	return values
}

func (r *read) cell() string {
	at := r.number()
	switch {
	case at == 0:
		return r.text()
	case at < 0 || at > int64(len(r.cells)):
		r.fail()
		return ""
	}
	return r.cells[at-1]
}

func (r *read) key() string {
	n := r.number()
	if n == 1 {
		return r.cell()
	}
	if n < 0 || n > int64(len(r.rest)) {
		r.fail()
		return ""
	}
	b := make([]byte, 0, 2*longRow)
	for i := range n {
		if i > 0 {
			b = append(b, '|')
		}
		b = append(b, r.cell()...)
	}
	return string(b)
}
