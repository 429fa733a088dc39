// Package envelope takes inbound files out of gzip, zip and OpenPGP, and puts outbound ones into OpenPGP.
//
// Contract: a file in, one or more files out, layer by layer: nothing is taken out of what a message holds before the
// message's signature is good. What comes out may be used only after Unwrap has returned nil: a checksum or a signature
// stands at the end. No name inside of an archive is ever used as a path.
//
// Limits: what comes out of all layers and all files together has one cap, in bytes and as a ratio to the file; each layer
// has its own, and its own number of files; what an archive lists, and what stands before a message's text, is capped too.
// A file over a cap is refused as a whole. Memory does not follow the file.
package envelope

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"unicode"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zip"
	"github.com/orobridge/orobridge/formats"
)

// Layer is one wrapping. Keys are texts, armored, several one after the other.
type Layer struct {
	Kind       string // Gzip, Zip or PGP
	MaxSize    int64  // largest sum of the files that come out, in bytes; 10 GB by default. The largest of all layers' counts for all
	MaxRatio   int64  // largest ratio of what comes out to what went in, after a free MiB; 200 by default. The largest counts, too
	Match      string // picks files of a zip by their base names: *.csv; empty: all
	MaxEntries int    // largest number of files and folders in a zip, 100 by default, at most 65,000
	Keys       string // private keys that a message may be encrypted to
	Passphrase string // of the private keys; of several ones several, one a line
	Signers    string // public keys. A message that is signed must be signed by one of them
	Optional   bool   // an unsigned message is accepted
	Plain      bool   // a message that is not encrypted is accepted
}

// The kinds of layers.
const (
	Gzip = "gzip"
	Zip  = "zip"
	PGP  = "pgp"
)

// Layers are the wrappings of a feed's files.
type Layers []Layer

// Check reports what makes no sense, and keys that can't be read, as OptionErrors of the layer's config.
func (l *Layer) Check() error {
	var all []error
	if !slices.Contains([]string{Gzip, Zip, PGP}, l.Kind) {
		all = append(all, formats.AtKey("kind", fmt.Errorf("%q is none of gzip, zip, pgp", l.Kind)))
	}
	if l.MaxSize < 0 || l.MaxRatio < 0 || l.MaxEntries < 0 {
		all = append(all, errors.New("max_size, max_ratio and max_files can't be negative"))
	}
	if l.MaxEntries > mostEntries {
		all = append(all, formats.AtKey("max_files", fmt.Errorf("at most %d", mostEntries)))
	}
	if _, err := path.Match(l.Match, ""); err != nil {
		all = append(all, formats.AtKey("match", err))
	}
	if l.Kind == PGP {
		all = append(all, l.checkKeys())
	}
	return errors.Join(all...)
}

// Errors that callers branch on. Each is permanent: the same file will not do better.
var (
	// ErrLimit: more comes out than the caps allow.
	ErrLimit = errors.New("more comes out of the file than its caps allow")
	// ErrBroken: the file is not of its kind, or is damaged or cut off.
	ErrBroken = errors.New("the file can't be unwrapped")
	// ErrSignature: the signature is missing, is somebody else's, or does not fit.
	ErrSignature = errors.New("the signature is not good")
	// ErrNotEncrypted: the message can be read by everybody, and the layer does not allow that.
	ErrNotEncrypted = errors.New("the message is not encrypted")
)

// NoSpaceError: the disk is full, or a quota is. It is no fault of the file, unless what has to come out is more than the
// disk could ever hold.
type NoSpaceError struct {
	Needs int64 // bytes that have to come out of the file at least, as far as that is known
	Err   error
}

func (e *NoSpaceError) Error() string {
	return fmt.Sprintf("at least %d bytes have to come out: %v", e.Needs, e.Err)
}

func (e *NoSpaceError) Unwrap() error { return e.Err }

// Part makes the place for one file that comes out. The name is a base name for people, never a path.
type Part func(name string) (io.WriteCloser, error)

// Unwrap takes a file out of all its layers. Files between two layers are kept in dir and removed again. Each part is
// closed before the next begins. Signed, when it is not nil, hears of each good signature before what was signed is
// looked at; its error ends the work. After an error everything that came out must be thrown away. The error is one of
// this package's, signed's, or one of dir and of the parts.
func (ls Layers) Unwrap(src *os.File, dir string, part Part, signed func(Signature) error) error {
	info, err := src.Stat()
	if err != nil {
		return err
	}
	u := &unwrapping{signed: signed, left: ls.most(info.Size())}
	in := []*os.File{src}
	var temps []*os.File
	defer func() {
		for _, f := range temps {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	for i := range ls {
		var out []*os.File
		u.part = part
		if i < len(ls)-1 {
			u.part = func(string) (io.WriteCloser, error) {
				f, err := os.CreateTemp(dir, "unwrap-*")
				if err != nil {
					return nil, err
				}
				temps, out = append(temps, f), append(out, f)
				return keepOpen{f}, nil
			}
		}
		u.layer = ls[i].maxSize()
		for _, f := range in {
			if err := u.file(&ls[i], f); err != nil {
				return fmt.Errorf("unwrap %s: %w", ls[i].Kind, err)
			}
		}
		in = out
	}
	return nil
}

// keepOpen is a temporary file that is read after it was written.
type keepOpen struct{ *os.File }

func (k keepOpen) Close() error {
	_, err := k.Seek(0, io.SeekStart)
	return err
}

const (
	defaultMaxSize    = 10_000_000_000
	defaultMaxRatio   = 200
	defaultMaxEntries = 100
	mostEntries       = 65_000
	freeSize          = 1 << 20
)

func (l *Layer) maxSize() int64 { return cmp.Or(l.MaxSize, defaultMaxSize) }

func (l *Layer) maxRatio() int64 { return cmp.Or(l.MaxRatio, defaultMaxRatio) }

// most is how many bytes may come out of all layers together.
func (ls Layers) most(size int64) int64 {
	var most, ratio int64
	for i := range ls {
		most, ratio = max(most, ls[i].maxSize()), max(ratio, ls[i].maxRatio())
	}
	return min(most, inflated(size, ratio))
}

// inflated is what may come out of so many bytes at a ratio.
func inflated(size, ratio int64) int64 {
	if size > (math.MaxInt64-freeSize)/ratio {
		return math.MaxInt64
	}
	return size*ratio + freeSize
}

// unwrapping is the work on one file: how many bytes may still come out, and where to.
type unwrapping struct {
	part   Part
	signed func(Signature) error
	out    int64 // bytes that came out so far
	left   int64 // that may still come out of all layers
	layer  int64 // of this one
	input  int64 // of this layer's file
}

func (u *unwrapping) file(l *Layer, f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	u.input = inflated(info.Size(), l.maxRatio())
	switch l.Kind {
	case Gzip:
		return u.gunzip(f)
	case Zip:
		return u.unzip(l, f, info.Size())
	case PGP:
		return u.decrypt(l, f)
	}
	return fmt.Errorf("kind %q is not known", l.Kind)
}

// room is how many bytes may still come out.
func (u *unwrapping) room() int64 { return min(u.left, u.layer, u.input) }

// copy writes r to a new part, within the caps.
func (u *unwrapping) copy(name string, r io.Reader) (err error) {
	defer func() {
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			err = &NoSpaceError{Needs: u.out + 1, Err: err}
		}
	}()
	w, err := u.part(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	n, err := io.Copy(w, &broken{io.LimitReader(r, u.room()+1)})
	u.out, u.left, u.layer, u.input = u.out+n, u.left-n, u.layer-n, u.input-n
	if err != nil {
		return err
	}
	if u.room() < 0 {
		return ErrLimit
	}
	return nil
}

// broken marks the errors of a reader as the file's own fault, as against those of the writer.
type broken struct{ r io.Reader }

func (b *broken) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return n, err
}

func (u *unwrapping) gunzip(f *os.File) error {
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	defer z.Close()
	return u.copy(baseName(z.Name), z)
}

// unzip takes the files out in the order of their names.
func (u *unwrapping) unzip(l *Layer, f *os.File, size int64) error {
	entries, err := l.entries(f, size)
	if err != nil {
		return err
	}
	needs := uint64(0) // by what the archive says of itself
	for _, e := range entries {
		if needs += e.UncompressedSize64; e.UncompressedSize64 > uint64(u.room()) || needs > uint64(u.room()) {
			return ErrLimit
		}
	}
	before := u.out
	for _, e := range entries {
		if err := u.entry(e); err != nil {
			var full *NoSpaceError
			if errors.As(err, &full) {
				full.Needs = max(full.Needs, before+int64(needs))
			}
			return fmt.Errorf("%s: %w", baseName(e.Name), err)
		}
	}
	return nil
}

// encrypted is the bit of a zip entry's flags that says so (APPNOTE 4.4.4).
const encrypted = 1

func (u *unwrapping) entry(e *zip.File) error {
	if e.Flags&encrypted != 0 {
		return fmt.Errorf("%w: it is encrypted with a password, which is not supported; use pgp", ErrBroken)
	}
	if !e.Mode().IsRegular() {
		return fmt.Errorf("%w: it is a link or a device", ErrBroken)
	}
	r, err := e.Open()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	defer r.Close()
	return u.copy(baseName(e.Name), r)
}

// baseName is a hostile name as it may be shown: without folders and control characters, at most 100 characters.
func baseName(name string) string {
	name = strings.ReplaceAll(name, `\`, "/")
	name = name[strings.LastIndexByte(name, '/')+1:]
	name = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '_'
	}, strings.ToValidUTF8(name, "_"))
	if r := []rune(name); len(r) > 100 {
		name = string(r[:100])
	}
	if name == "." || name == ".." {
		return "_"
	}
	return name
}
