package formats

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
)

// RejectRoom bounds what is kept of a run's rejects: a file of which every row is bad must not fill the disk with what is
// wrong with it. Rejects beyond it are counted by their runs, and kept nowhere.
type RejectRoom struct {
	Rows  int64 // that may still be kept
	Bytes int64 // of cells and messages
}

// Take says whether a reject may be kept, and takes its room. A large one that does not fit leaves room for smaller ones.
func (r *RejectRoom) Take(row *Row, why *Reject) bool {
	size := int64(row.Size() + len(why.Message) + len(why.Key))
	if r.Rows < 1 || r.Bytes < size {
		return false
	}
	r.Rows--
	r.Bytes -= size
	return true
}

// RowHasher tells rows of the same content by a hash, whatever their file: a file of rejects that comes back is known by
// its rows, with or without the columns that were added to it, in any order of the columns and in any format.
type RowHasher struct {
	columns []string
	order   []int // of the columns that count, sorted by their names
	buf     []byte
}

// NewRowHasher makes a hasher for rows with the given columns.
func NewRowHasher(columns []string) *RowHasher {
	h := &RowHasher{columns: columns}
	for i, c := range columns {
		if c != RejectLine && c != RejectCode && c != RejectMessage {
			h.order = append(h.order, i)
		}
	}
	slices.SortStableFunc(h.order, func(a, b int) int { return strings.Compare(columns[a], columns[b]) })
	return h
}

// Hash is the row's hash. Blanks around a cell, and cells that are empty or absent, make no difference.
func (h *RowHasher) Hash(row *Row) int64 {
	b := h.buf[:0]
	add := func(name, text string) {
		if text = trim(text); text != "" {
			b = binary.AppendUvarint(b, uint64(len(name)))
			b = append(b, name...)
			b = binary.AppendUvarint(b, uint64(len(text)))
			b = append(b, text...)
		}
	}
	for _, i := range h.order {
		text, _ := cell(row, i)
		add(h.columns[i], text)
	}
	for i := len(h.columns); i < len(row.Cells); i++ {
		add("", row.Cells[i])
	}
	h.buf = b
	sum := sha256.Sum256(b)
	return int64(binary.BigEndian.Uint64(sum[:8]))
}
