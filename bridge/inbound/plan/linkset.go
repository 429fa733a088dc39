package plan

// LinkSet is a set of numbers of links, a bit for each: they are small, since the ledger gives them one after the other. The
// zero value is empty.
type LinkSet []uint64

// Add adds a number and says whether it was there.
func (s *LinkSet) Add(id int64) bool {
	word := int(id >> 6)
	if word >= len(*s) {
		*s = append(*s, make([]uint64, word+1-len(*s))...)
	}
	bit := uint64(1) << (id & 63)
	was := (*s)[word]&bit != 0
	(*s)[word] |= bit
	return was
}

// Has says whether a number is in the set.
func (s LinkSet) Has(id int64) bool {
	word := int(id >> 6)
	return word < len(s) && s[word]&(1<<(id&63)) != 0
}
