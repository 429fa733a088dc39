package outbound

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// render makes the file of some documents: from then on its name and bytes never change. number is the file's, first that
// of the first document in it.
func render(k kind, x *config.Export, all []*document, number, first int64) (name string, body []byte, err error) {
	var buf bytes.Buffer
	if err := k.write(&buf, x, all, first); err != nil {
		return "", nil, &bridge.Error{Op: "write order", Object: all[0].Identifier, Err: err}
	}
	name, body = fileName(k, x, all[0], number), buf.Bytes()
	if x.Gzip {
		if body, err = pack(body); err != nil {
			return "", nil, err
		}
		name += ".gz"
	}
	if x.Encrypt != nil {
		if body, err = encrypted(x.Encrypt, body); err != nil {
			return "", nil, &bridge.Error{Op: "encrypt order", Object: all[0].Identifier, Err: err}
		}
		name += x.Encrypt.Seal.Extension()
	}
	name = bridge.DerivedName(name, "")
	if err := bridge.SafeName(name); err != nil {
		return "", nil, &bridge.Error{Op: "name order", Object: all[0].Identifier, Err: err, Hint: "change exports." + x.Name + ".file"}
	}
	return name, body, nil
}

// pack compresses; the same bytes come out the same.
func pack(body []byte) ([]byte, error) {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, err := w.Write(body)
	err = errors.Join(err, w.Close())
	return buf.Bytes(), err
}

// encrypted encrypts and, with a key for it, signs. Unlike all else that makes a file it never gives the same bytes twice.
func encrypted(e *config.Encrypt, body []byte) ([]byte, error) {
	var buf bytes.Buffer
	w, err := e.Seal.Writer(&buf)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(body)
	err = errors.Join(err, w.Close())
	return buf.Bytes(), err
}

// fileName builds an outbound name from its first order. The time of submission stands as 20260131T235959Z and the number
// with ten digits, so that names which begin with either sort in the order of submission. A later version of an order
// ends in _v2.
func fileName(k kind, x *config.Export, d *document, number int64) string {
	name := strings.NewReplacer(
		"{submitted}", d.Submitted.UTC().Format("20060102T150405Z"),
		"{number}", fmt.Sprintf("%010d", number),
		"{identifier}", harmless(d.Identifier),
		"{id}", harmless(d.ID),
		"{website}", harmless(k.website(d)),
	).Replace(x.File)
	if d.Version > 1 {
		name = bridge.DerivedName(name, fmt.Sprintf("_v%d", d.Version))
	}
	return name
}

// harmless keeps of a text what is harmless in every file system: letters, digits, dots, dashes and underscores. Texts that
// differ stay different: what loses something gets a hash of the whole.
func harmless(s string) string {
	kept := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '.', r == '_':
			return r
		}
		return '-'
	}, s)
	kept = kept[:min(len(kept), 100)]
	if kept == s {
		return kept
	}
	sum := sha256.Sum256([]byte(s))
	return kept + "~" + hex.EncodeToString(sum[:4])
}
