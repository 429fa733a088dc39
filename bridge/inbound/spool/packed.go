package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Packed is how the names of copies end that are compressed, by zstd (RFC 8878). Small ones are not, nor is what would not become
// smaller.
const Packed = ".zst"

// Small is how many bytes a copy has at most that takes no room worth speaking of.
const Small = 64 << 10

const window = 1 << 20 // bytes that are searched for what repeats

// writer writes a copy, compressed where that is worth it.
type writer struct {
	file  *os.File
	begun []byte        // of a copy, as long as nobody knows how it is to be written
	zip   *zstd.Encoder // of one that is compressed
	plain bool
	size  int64
}

func (w *writer) Write(b []byte) (n int, err error) {
	n, err = w.write(b)
	w.size += int64(n)
	return n, err
}

func (w *writer) write(b []byte) (int, error) {
	switch {
	case w.zip != nil:
		return w.zip.Write(b)
	case w.plain:
		return w.file.Write(b)
	}
	n := min(len(b), Small-len(w.begun))
	w.begun = append(w.begun, b[:n]...)
	if n == len(b) {
		return n, nil
	}
	if err := w.choose(); err != nil {
		return 0, err
	}
	more, err := w.write(b[n:])
	return n + more, err
}

// choose tries on what was written so far whether the copy becomes smaller.
func (w *writer) choose() error {
	zip, err := zstd.NewWriter(w.file, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(window), zstd.WithEncoderCRC(false))
	if err != nil {
		return err
	}
	begun := w.begun
	w.begun = nil
	if w.plain = len(zip.EncodeAll(begun, nil)) > len(begun)*7/8; !w.plain {
		w.zip = zip
	}
	_, err = w.write(begun)
	return err
}

// sizeFrame begins the last frame of a compressed copy, which readers skip (RFC 8878, 3.1.2): in its 8 bytes stands how many there are
// to read.
const sizeFrame = "\x50\x2a\x4d\x18\x08\x00\x00\x00"

// end writes what is left of the copy.
func (w *writer) end() error {
	var err error
	if w.zip != nil {
		if err = w.zip.Close(); err == nil {
			_, err = w.file.Write(binary.LittleEndian.AppendUint64([]byte(sizeFrame), uint64(w.size)))
		}
	} else {
		_, err = w.file.Write(w.begun)
	}
	return err
}

func (w *writer) suffix() string {
	if w.zip != nil {
		return Packed
	}
	return ""
}

// Open opens a copy for reading what was copied. Of one that can't be expanded any more a read ends in [ErrDamaged].
func Open(path string) (io.ReadCloser, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if !strings.HasSuffix(path, Packed) {
		return file, nil
	}
	zip, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &expanded{file, zip}, nil
}

// Size is how many bytes there are to read of a copy, or of another local file, that is open.
func Size(file io.Reader) (int64, error) {
	e, packed := file.(*expanded)
	if !packed {
		info, err := file.(*os.File).Stat()
		if err != nil {
			return 0, err
		}
		return info.Size(), nil
	}
	info, err := e.file.Stat()
	if err != nil {
		return 0, err
	}
	last := make([]byte, len(sizeFrame)+8)
	if _, err := e.file.ReadAt(last, info.Size()-int64(len(last))); err != nil || string(last[:len(sizeFrame)]) != sizeFrame {
		return 0, fmt.Errorf("%w: it has lost its end", ErrDamaged)
	}
	return int64(binary.LittleEndian.Uint64(last[len(sizeFrame):])), nil
}

type expanded struct {
	file *os.File
	zip  *zstd.Decoder
}

func (e *expanded) Read(b []byte) (int, error) {
	n, err := e.zip.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return n, err
}

func (e *expanded) Close() error {
	e.zip.Close()
	return e.file.Close()
}
