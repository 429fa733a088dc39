package plan

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math"
	"math/bits"

	"github.com/orobridge/orobridge/bridge"
)

// known is the links of an entity in short, 12 bytes each: it finds the link whose key and fingerprint are a row's. A link that it lacks
// is no fault: the ledger is asked about it.
//
// One hash of a key says where its slot is, and another one is kept there, laid over the fingerprint: nobody can know their seeds. A row
// that differs from its link is compared with some forty slots, as full as these are, and found in one of them by chance once in 10^17
// times. Fingerprints themselves are alike once in 10^19.
type known struct {
	seeds [2]maphash.Seed
	slots []byte // of slotSize: what is kept of key and fingerprint, and the link's number, which is 0 in a free one
	free  int    // slots
}

const slotSize = 12

// newKnown has room for so many links, which is given back by close.
func newKnown(links int64) (*known, error) {
	n := int(links + links/8 + 2)
	room, err := takeRoom(n * slotSize)
	if err != nil {
		return nil, fmt.Errorf("take memory for %d links: %w", links, err)
	}
	return &known{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, slots: room, free: n}, nil
}

func (k *known) close() error {
	if k == nil {
		return nil
	}
	return giveRoom(k.slots)
}

// add takes a link, unless there is no room for it. One that is doubtful matches no row.
func (k *known) add(key []byte, r bridge.LinkRef) {
	if r.Doubtful() || r.ID > math.MaxUint32 || k.free <= 1 {
		return
	}
	kept := digest(maphash.Bytes(k.seeds[1], key), r.Fingerprint)
	for at := k.first(maphash.Bytes(k.seeds[0], key)); ; at = k.next(at) {
		if _, link := k.slot(at); link == 0 {
			binary.NativeEndian.PutUint64(k.slots[at:], kept)
			binary.NativeEndian.PutUint32(k.slots[at+8:], uint32(r.ID))
			k.free--
			return
		}
	}
}

// link is the number of the link that has a key and a fingerprint; 0 where none is known.
func (k *known) link(key string, print int64) int64 {
	kept := digest(maphash.String(k.seeds[1], key), print)
	for at := k.first(maphash.String(k.seeds[0], key)); ; at = k.next(at) {
		if there, link := k.slot(at); link == 0 || there == kept {
			return int64(link)
		}
	}
}

// digest is what is kept of a key and a fingerprint. Two fingerprints under one key have different ones for certain.
func digest(hash uint64, print int64) uint64 { return hash ^ uint64(print) }

// first is where the slot of a key would be if all were evenly spread; it is there, or in one of the next.
func (k *known) first(hash uint64) int {
	n, _ := bits.Mul64(hash, uint64(len(k.slots)/slotSize))
	return int(n) * slotSize
}

func (k *known) next(at int) int {
	if at += slotSize; at < len(k.slots) {
		return at
	}
	return 0
}

func (k *known) slot(at int) (kept uint64, link uint32) {
	s := k.slots[at : at+slotSize]
	return binary.NativeEndian.Uint64(s), binary.NativeEndian.Uint32(s[8:])
}
