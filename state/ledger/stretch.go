package ledger

import "github.com/orobridge/orobridge/bridge"

// A Stretch answers for keys that are in order from what an index holds between the first and the last of them. Most files have their
// keys in order, and the ledger has each of them: then that costs a fraction of looking for one key after the other.
type Stretch struct {
	Keys     []string // in order; a key may stand there twice
	Refs     []bridge.LinkRef
	Answered int // so many of the keys have their answers
	seen     int
}

// Most is how many links of the stretch are worth reading: where there are more, much stands there that nobody has asked for, and
// what is not answered by then is looked for key by key.
func (s *Stretch) Most() int { return len(s.Keys) + len(s.Keys)/4 }

// See takes the next link of the stretch.
func (s *Stretch) See(key []byte, r bridge.LinkRef) {
	s.seen++
	for s.Answered < len(s.Keys) && s.Keys[s.Answered] < string(key) {
		s.Answered++
	}
	for ; s.Answered < len(s.Keys) && s.Keys[s.Answered] == string(key); s.Answered++ {
		s.Refs[s.Answered] = r
	}
}

// End says that no more links are to be had: unless that is for their number, the other keys have none.
func (s *Stretch) End() {
	if s.seen < s.Most() {
		s.Answered = len(s.Keys)
	}
}
