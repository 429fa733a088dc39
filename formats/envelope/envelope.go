// Package envelope takes inbound files out of gzip, zip and OpenPGP, and puts outbound ones into OpenPGP.
//
// Contract: a file in, one or more files out, layer by layer. What comes out may be used only after Unwrap has returned
// nil: a checksum or a signature stands at the end. No name inside of an archive is ever used as a path.
//
// Limits: the size of what comes out, its ratio to what went in, and the number of files in an archive are capped; a
// file over a cap is refused as a whole. Memory does not follow the file.
package envelope

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zip"
	"github.com/orobridge/orobridge/formats"
)

// Layer is one wrapping. Keys are texts, armored, several one after the other.
type Layer struct {
	Kind       string // Gzip, Zip or PGP
	MaxSize    int64  // largest sum of the files that come out, in bytes; 10 GB by default
	MaxRatio   int64  // largest ratio of what comes out to what went in; 200 by default. The first MiB is free
	Match      string // picks files of a zip by their base names: *.csv; empty: all
	MaxEntries int    // largest number of files in a zip, 100 by default
	Keys       string // private keys that a message may be encrypted to
	Passphrase string // of the private keys
	Signers    string // public keys. A message that is signed must be signed by one of them
	Optional   bool   // an unsigned message is accepted
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
)

// Part makes the place for one file that comes out. The name is a base name for people, never a path.
type Part func(name string) (io.WriteCloser, error)

// Unwrap takes a file out of all its layers. Files between two layers are kept in dir and removed again. Each part is
// closed before the next begins. After an error everything that came out must be thrown away.
func (ls Layers) Unwrap(src *os.File, dir string, part Part) error {
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
		next := part
		if i < len(ls)-1 {
			next = func(string) (io.WriteCloser, error) {
				f, err := os.CreateTemp(dir, "unwrap-*")
				if err != nil {
					return nil, err
				}
				temps, out = append(temps, f), append(out, f)
				return keepOpen{f}, nil
			}
		}
		for _, f := range in {
			if err := ls[i].unwrap(f, next); err != nil {
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

func (l *Layer) unwrap(f *os.File, part Part) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	c := l.caps(info.Size())
	switch l.Kind {
	case Gzip:
		return l.gunzip(f, c, part)
	case Zip:
		return l.unzip(f, info.Size(), c, part)
	case PGP:
		return l.decrypt(f, c, part)
	}
	return fmt.Errorf("kind %q is not known", l.Kind)
}

// caps is how many bytes may still come out.
type caps struct{ left int64 }

const (
	defaultMaxSize    = 10_000_000_000
	defaultMaxRatio   = 200
	defaultMaxEntries = 100
	freeSize          = 1 << 20
)

func (l *Layer) caps(size int64) *caps {
	most, ratio := l.MaxSize, l.MaxRatio
	if most == 0 {
		most = defaultMaxSize
	}
	if ratio == 0 {
		ratio = defaultMaxRatio
	}
	if l.Kind == PGP { // its ratio says nothing: the message may be compressed well
		return &caps{most}
	}
	if size < (most-freeSize)/ratio {
		most = size*ratio + freeSize
	}
	return &caps{most}
}

// copy writes r to a new part, within the caps.
func (c *caps) copy(name string, r io.Reader, part Part) (err error) {
	w, err := part(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	n, err := io.Copy(w, &broken{io.LimitReader(r, c.left+1)})
	if err != nil {
		return err
	}
	if c.left -= n; c.left < 0 {
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

func (l *Layer) gunzip(f *os.File, c *caps, part Part) error {
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	defer z.Close()
	return c.copy(baseName(z.Name), z, part)
}

// unzip takes the files out in the order of their names.
func (l *Layer) unzip(f *os.File, size int64, c *caps, part Part) error {
	z, err := zip.NewReader(f, size)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	most := l.MaxEntries
	if most == 0 {
		most = defaultMaxEntries
	}
	if len(z.File) > most {
		return fmt.Errorf("%w: %d files in the archive, at most %d are allowed", ErrLimit, len(z.File), most)
	}
	entries := slices.DeleteFunc(slices.Clone(z.File), func(e *zip.File) bool { return e.FileInfo().IsDir() || !l.matches(e.Name) })
	if len(entries) == 0 {
		return fmt.Errorf("%w: no file in the archive fits %q", ErrBroken, l.Match)
	}
	slices.SortStableFunc(entries, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	for _, e := range entries {
		if err := l.entry(e, c, part); err != nil {
			return fmt.Errorf("%s: %w", baseName(e.Name), err)
		}
	}
	return nil
}

func (l *Layer) matches(name string) bool {
	if l.Match == "" {
		return true
	}
	ok, err := path.Match(l.Match, baseName(name))
	return err == nil && ok
}

// encrypted is the bit of a zip entry's flags that says so (APPNOTE 4.4.4).
const encrypted = 1

func (l *Layer) entry(e *zip.File, c *caps, part Part) error {
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
	return c.copy(baseName(e.Name), r, part)
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
