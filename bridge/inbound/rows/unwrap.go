package rows

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/orobridge/orobridge/bridge/inbound/spool"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/envelope"
)

// unwrap takes a file out of its wrappings into a folder of its own in the spool, which goes when the rows are closed.
func (r *File) unwrap(folder string, signed func(envelope.Signature) error) error {
	layers := r.feed.Layers()
	if len(layers) == 0 {
		return nil
	}
	if err := spool.Check(r.parts[0].Path, r.sum); r.sum != "" && err != nil {
		return err
	}
	wrapped, err := r.OpenPart(r.parts[0])
	if err != nil {
		return err
	}
	defer wrapped.Close()
	if r.dir, err = os.MkdirTemp(folder, spool.Unwrapped); err != nil {
		return spool.Trouble(err)
	}
	src, plain := wrapped.(*os.File)
	if !plain {
		if src, err = r.expand(wrapped); err != nil {
			return err
		}
		defer src.Close()
	}
	r.parts = nil
	err = layers.Unwrap(src, r.dir, func(name string) (io.WriteCloser, error) {
		p := Part{Name: r.freeName(name), Path: filepath.Join(r.dir, fmt.Sprintf("%d", len(r.parts)+1))}
		r.parts = append(r.parts, p)
		return os.OpenFile(p.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	}, heard(signed))
	if len(r.parts) == 1 {
		r.parts[0].Name = ""
	}
	var refused *refusedSignature
	if errors.As(err, &refused) {
		return refused.why
	}
	return notUnwrapped(err, r.dir)
}

// expand writes a wrapped file, of which the copy is compressed, into the folder, for whoever has to leap about in it. Its name goes at
// once.
func (r *File) expand(from io.Reader) (*os.File, error) {
	file, err := os.CreateTemp(r.dir, "wrapped-*")
	if err != nil {
		return nil, spool.Trouble(err)
	}
	_, err = io.Copy(file, from)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err = errors.Join(err, os.Remove(file.Name())); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// freeName keeps names of parts apart that differ only in their folders.
func (r *File) freeName(name string) string {
	taken := func(n string) bool { return slices.ContainsFunc(r.parts, func(p Part) bool { return p.Name == n }) }
	free := name
	for n := 2; taken(free); n++ {
		free = fmt.Sprintf("%s (%d)", name, n)
	}
	return free
}

// refusedSignature tells what was said of a signature from the faults of a file.
type refusedSignature struct{ why error }

func (r *refusedSignature) Error() string { return r.why.Error() }

func heard(signed func(envelope.Signature) error) func(envelope.Signature) error {
	if signed == nil {
		return nil
	}
	return func(s envelope.Signature) error {
		if err := signed(s); err != nil {
			return &refusedSignature{err}
		}
		return nil
	}
}

// notUnwrapped tells what is the file's own fault from trouble of the disk on which a folder stands. A full disk is the file's
// fault when what has to come out is more than it could ever hold.
func notUnwrapped(err error, dir string) error {
	var full *envelope.NoSpaceError
	if errors.As(err, &full) && spool.NeverFits(dir, full.Needs) {
		return &formats.FileError{Code: formats.CodeFileNeverFits, Message: err.Error(), Hint: spool.HintNeverFits}
	}
	for _, fault := range []struct {
		err        error
		code, hint string
	}{
		{envelope.ErrLimit, formats.CodeFileLimit, "if the sender's files are that large, raise max_size, max_ratio or max_files below unwrap"},
		{envelope.ErrBroken, formats.CodeFileUnwrap,
			"check unwrap (what the files are wrapped in, and the keys), then let the sender send the file again"},
		{envelope.ErrSignature, formats.CodeFileSignature,
			"let the sender sign with a key that is in signers; signature: optional accepts files without a signature"},
		{envelope.ErrNotEncrypted, formats.CodeFilePlain,
			"let the sender encrypt to the bridge's key; encryption: optional below unwrap accepts signed files that are not encrypted"},
	} {
		if errors.Is(err, fault.err) {
			return &formats.FileError{Code: fault.code, Message: err.Error(), Hint: fault.hint}
		}
	}
	return spool.Trouble(err)
}
