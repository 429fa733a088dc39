package sftpd_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
)

// The hash in the journal is that of what stands in the file, however it was written and read.
func TestTheHashIsOfWhatStands(t *testing.T) {
	d := serve(t)
	p := d.partner("erp")
	write := func(flags int, parts ...func(io.WriterAt) error) {
		t.Helper()
		f, err := p.OpenFile("file", flags)
		check(t, err)
		for _, part := range parts {
			check(t, part(f))
		}
		check(t, f.Close())
	}
	at := func(body string, off int64) func(io.WriterAt) error {
		return func(f io.WriterAt) error {
			_, err := f.WriteAt([]byte(body), off)
			return err
		}
	}
	const create = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	many := strings.Repeat("0123456789abcdef", 16<<10)
	n := 0
	stands := func(kind bridge.EventKind, what string) {
		t.Helper()
		body, err := os.ReadFile(filepath.Join(d.root, "erp", "file"))
		check(t, err)
		events := d.await(kind, n)
		sum := sha256.Sum256(body)
		if e := events[n-1]; e.SHA256 != hex.EncodeToString(sum[:]) || e.Visit.Size != int64(len(body)) {
			t.Errorf("%s: %q of %d bytes, want %x of %d", what, e.SHA256, e.Visit.Size, sum, len(body))
		}
	}
	for _, c := range []struct {
		name string
		do   func()
	}{
		{"in order", func() { write(create, at("one,", 0), at("two", 4)) }},
		{"from its end", func() { write(create, at("two", 4), at("one,", 0)) }},
		{"over what was written", func() { write(create, at("one,two", 0), at("ONE", 0)) }},
		{"into what stood there", func() { write(os.O_WRONLY, at("x", 3)) }},
		{"behind what stood there", func() { write(os.O_WRONLY, at("more", 7)) }},
		{"with a hole", func() { write(create, at("a", 0), at("b", 9)) }},
		{"large", func() { write(create, at(many, 0)) }},
		{"emptied and written", func() { write(create, at("small again", 0)) }},
		{"by two at a time", func() {
			other, err := p.OpenFile("file", os.O_WRONLY)
			check(t, err)
			write(create, at("mine", 0), func(io.WriterAt) error {
				_, err := other.WriteAt([]byte("YOURS"), 2)
				return err
			})
			check(t, other.Close())
			n++
		}},
	} {
		c.do()
		n++
		stands(bridge.FileUploaded, "written "+c.name)
	}
	n = 0
	for _, body := range []string{"", "short", many} {
		check(t, os.WriteFile(filepath.Join(d.root, "erp", "file"), []byte(body), 0o644))
		f, err := p.Open("file")
		check(t, err)
		var got strings.Builder
		_, err = f.WriteTo(&got)
		check(t, err)
		check(t, f.Close())
		n++
		stands(bridge.FileDownloaded, "read")
	}
}
