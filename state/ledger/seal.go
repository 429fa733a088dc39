package ledger

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strconv"

	"github.com/orobridge/orobridge/bridge"
)

// What is sent to the shop or to the ERP out of a ledger carries a checksum of its own, since the pages of a database may carry none: a
// bit that has flipped on a disk is found out, and not sent. The bytes of files have their sha256, a link has its fingerprint; what was
// before a change (an undo sends it), a record that waits for its parent, a document that waits for its file, a batch on its way and a
// staged change have a CRC-32C. It finds accidents, and is no proof against anybody who can write to the file.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sealSize is how many bytes stand behind a sealed text: a # and eight digits.
const sealSize = 9

const hexDigits = "0123456789abcdef"

// Seal puts the checksum behind a JSON object.
func Seal(text string) string {
	sum := crc32.Checksum([]byte(text), castagnoli)
	b := make([]byte, 0, len(text)+sealSize)
	b = append(append(b, text...), '#')
	for shift := 28; shift >= 0; shift -= 4 {
		b = append(b, hexDigits[sum>>shift&15])
	}
	return string(b)
}

// errFlipped is why something is not used.
var errFlipped = errors.New("it is not what was written: the disk has changed it")

// Unseal takes the checksum off, and says what the text is of when it does not fit. A text of an earlier program has none.
func Unseal(text, of string) (string, error) {
	n := len(text) - sealSize
	if n < 0 || text[n] != '#' {
		return text, nil
	}
	sum, err := strconv.ParseUint(text[n+1:], 16, 32)
	if err != nil || uint32(sum) != crc32.Checksum([]byte(text[:n]), castagnoli) {
		return "", flipped(of)
	}
	return text[:n], nil
}

// SealBytes puts the checksum behind bytes.
func SealBytes(b []byte) []byte {
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// UnsealBytes takes it off.
func UnsealBytes(b []byte, of string) ([]byte, error) {
	n := len(b) - 4
	if n < 0 || binary.BigEndian.Uint32(b[n:]) != crc32.Checksum(b[:n], castagnoli) {
		return nil, flipped(of)
	}
	return b[:n], nil
}

func flipped(of string) error {
	return &bridge.Error{Op: "read", Object: of, Err: errFlipped,
		Hint: "`orobridge state check` says what else is damaged; put the last backup back, or `orobridge state salvage` what can be read"}
}
