package envelope

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/klauspost/compress/zip"
)

// A zip archive lists its files at its end. The list is read into memory, and says itself how long it is: both are held
// against the layer's cap before.

// The end of the list (APPNOTE 4.3.16): its mark, its length without the comment, where the number of entries stands.
const (
	endMark    = "PK\x05\x06"
	endLength  = 22
	endEntries = 10
	endComment = 20
	maxComment = 1<<16 - 1
)

// An entry of the list is at most so long on average; its names may be longer.
const (
	entryLength = 1 << 10
	freeLength  = 1 << 20
)

// entries are the files of an archive that the layer picks, in the order of their names.
func (l *Layer) entries(f io.ReaderAt, size int64) ([]*zip.File, error) {
	most := l.MaxEntries
	if most == 0 {
		most = defaultMaxEntries
	}
	tooMany := func(n int) error {
		return fmt.Errorf("%w: %d files in the archive, at most %d are allowed", ErrLimit, n, most)
	}
	n, err := listed(f, size)
	if err != nil {
		return nil, err
	}
	if n > most {
		return nil, tooMany(n)
	}
	list := &bounded{r: f, left: freeLength + int64(most)*entryLength}
	z, err := zip.NewReader(list, size)
	switch {
	case list.left < 0:
		return nil, fmt.Errorf("%w: the archive's list of files is longer than %d files need", ErrLimit, most)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	case len(z.File) > most:
		return nil, tooMany(len(z.File))
	}
	list.open = true
	picked := slices.DeleteFunc(slices.Clone(z.File), func(e *zip.File) bool { return e.FileInfo().IsDir() || !l.matches(e.Name) })
	if len(picked) == 0 {
		return nil, fmt.Errorf("%w: no file in the archive fits %q", ErrBroken, l.Match)
	}
	slices.SortStableFunc(picked, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	return picked, nil
}

// listed is how many entries an archive says that it has, at most 65,535.
func listed(f io.ReaderAt, size int64) (int, error) {
	tail := make([]byte, min(size, endLength+maxComment))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	for i := len(tail) - endLength; i >= 0; i-- {
		if string(tail[i:i+len(endMark)]) != endMark {
			continue
		}
		if comment := int(binary.LittleEndian.Uint16(tail[i+endComment:])); i+endLength+comment <= len(tail) {
			return int(binary.LittleEndian.Uint16(tail[i+endEntries:])), nil
		}
	}
	return 0, fmt.Errorf("%w: it is no zip archive, or it is cut off", ErrBroken)
}

// bounded lets so many bytes be read until it is open.
type bounded struct {
	r    io.ReaderAt
	left int64
	open bool
}

func (b *bounded) ReadAt(p []byte, at int64) (int, error) {
	n, err := b.r.ReadAt(p, at)
	if b.open {
		return n, err
	}
	if b.left -= int64(n); b.left < 0 {
		return 0, ErrLimit
	}
	return n, err
}

func (l *Layer) matches(name string) bool {
	if l.Match == "" {
		return true
	}
	ok, err := path.Match(l.Match, baseName(name))
	return err == nil && ok
}
