package listing

import (
	"encoding/binary"
	"hash/maphash"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// Look is one at a folder: what it showed then, as a digest that holds for this process.
type Look struct {
	shown uint64
	at    time.Time
}

var lookSeed = maphash.MakeSeed()

// LookAt is the look that has brought a listing.
func LookAt(files []bridge.File, at time.Time) Look {
	var h maphash.Hash
	h.SetSeed(lookSeed)
	var b [25]byte
	for i := range files {
		f := &files[i]
		binary.LittleEndian.PutUint64(b[:], uint64(len(f.Name)))
		binary.LittleEndian.PutUint64(b[8:], uint64(f.Size))
		binary.LittleEndian.PutUint64(b[16:], uint64(f.MTime.UnixNano()))
		b[24] = bit(f.Dir) | bit(f.Special)<<1 | bit(f.Writing)<<2
		_, _ = h.Write(b[:])
		_, _ = h.WriteString(f.Name)
	}
	return Look{h.Sum64(), at}
}

func bit(on bool) byte {
	if on {
		return 1
	}
	return 0
}

// aloneFor is how long a look says something of those behind it: what nobody has thought of is found later, and not never.
const aloneFor = 10 * time.Minute

// SameAs says that a look shows what one before it has shown, a short time ago by the clock.
func (l Look) SameAs(before Look) bool {
	passed := l.at.Sub(before.at)
	return l.shown == before.shown && passed >= 0 && passed < aloneFor
}
