package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zip"
)

// File is a small file in memory, such as one of rejected rows.
type File struct {
	Name string
	Body []byte
}

// ErrNobody: there is nobody to encrypt an answer to.
var ErrNobody = errors.New("no signer's key is known, so nobody to encrypt to")

// Wrap puts files back into what they came out of: a file of this kind can be unwrapped again. For OpenPGP they are
// encrypted to the signers, who sent the original; they are not signed, because only the sender can do that again.
func (ls Layers) Wrap(files []File) ([]byte, error) {
	for i, l := range slices.Backward(ls) {
		var err error
		if files, err = l.wrap(files); err != nil {
			return nil, fmt.Errorf("wrap layer %d, %s: %w", i+1, l.Kind, err)
		}
	}
	if len(files) != 1 {
		return nil, fmt.Errorf("wrap: %d files do not fit into one", len(files))
	}
	return files[0].Body, nil
}

// wrap makes one archive of all files, or wraps each of them.
func (l *Layer) wrap(files []File) ([]File, error) {
	var buf bytes.Buffer
	if l.Kind == Zip {
		z := zip.NewWriter(&buf)
		for _, f := range files {
			w, err := z.Create(f.Name)
			if err == nil {
				_, err = w.Write(f.Body)
			}
			if err != nil {
				return nil, err
			}
		}
		err := z.Close()
		return []File{{Body: buf.Bytes()}}, err
	}
	out := make([]File, len(files))
	for i, f := range files {
		var buf bytes.Buffer
		w, err := l.writer(&buf, f.Name)
		if err == nil {
			_, err = w.Write(f.Body)
			err = errors.Join(err, w.Close())
		}
		if err != nil {
			return nil, err
		}
		out[i] = File{f.Name, buf.Bytes()}
	}
	return out, nil
}

func (l *Layer) writer(w io.Writer, name string) (io.WriteCloser, error) {
	if l.Kind == Gzip {
		z := gzip.NewWriter(w)
		z.Name = plainName(name)
		return z, nil
	}
	if l.Signers == "" {
		return nil, ErrNobody
	}
	return (&Seal{Recipients: l.Signers}).Writer(w)
}

// plainName keeps of a name what a gzip header can hold (RFC 1952: ISO 8859-1 without NUL).
func plainName(name string) string {
	for _, r := range name {
		if r == 0 || r > 0xff {
			return ""
		}
	}
	return name
}
