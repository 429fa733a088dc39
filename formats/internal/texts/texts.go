// Package texts makes small texts of bytes: those that are made one after the other share a piece of memory, since to take some for each
// would cost more than what is done with most of them.
package texts

import "strings"

// piece is how many bytes the texts share that one piece of memory has room for. Who keeps one of them keeps all of them.
const piece = 1 << 10

// A Maker makes texts. The zero value is ready; it is not safe for concurrent use.
type Maker struct{ b strings.Builder }

// Text is a text of bytes that may change afterwards.
func (m *Maker) Text(of []byte) string {
	if len(of) > piece/4 {
		return string(of)
	}
	if m.b.Cap()-m.b.Len() < len(of) {
		m.b.Reset()
		m.b.Grow(piece)
	}
	from := m.b.Len()
	m.b.Write(of)
	return m.b.String()[from:]
}
