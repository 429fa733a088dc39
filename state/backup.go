package state

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state/sqlite"
)

// A backup is one file: a tar, compressed by zstd, of the ledger as it was at one moment, the spooled files that nobody but the spool has
// any more, and at its end the manifest, which names each member with its size and sha256. It is made while a bridge works, and one
// that was cut short is refused, since it lacks its end. Archived files are not in it: they are fetched again from where they were
// put away, when somebody asks for them. It holds no secrets, and orders of persons: it is to be kept as the state folder is.
const (
	backupFormat = 1
	manifestName = "manifest.json"
	ledgerName   = "ledger.db"
	spoolPrefix  = "spool/"

	maxManifest = 64 << 20
	maxWindow   = 64 << 20 // of memory for unpacking
	backupPart  = ".backup-"
)

// Manifest is what a backup says of itself.
type Manifest struct {
	Format     int       `json:"format"`
	Made       time.Time `json:"made"`
	Program    string    `json:"program"` // version that made it
	Identity   string    `json:"identity"`
	Generation int64     `json:"generation"`
	Schema     string    `json:"schema"` // the last migration of its ledger
	Members    []Member  `json:"members"`
	Missing    []string  `json:"missing"` // spooled files that were not there when it was made
}

// Member is a file in a backup.
type Member struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

// Size is how many bytes the members have, unpacked.
func (m *Manifest) Size() (size int64) {
	for _, f := range m.Members {
		size += f.Size
	}
	return size
}

// Backup writes a backup of a state folder; program is the version that makes it. The bridge may be at work there meanwhile, in this
// process or in another one.
func Backup(ctx context.Context, dir, program string, w io.Writer, at time.Time) (_ *Manifest, err error) {
	copied := filepath.Join(dir, backupPart+strings.ToLower(rand.Text())+".db")
	defer func() { err = errors.Join(err, removeLedger(copied)) }()
	if err := sqlite.Copy(ctx, filepath.Join(dir, ledgerName), copied); err != nil {
		return nil, err
	}
	m, needed, err := prepareCopy(ctx, copied)
	if err != nil {
		return nil, err
	}
	m.Made, m.Program = at.UTC().Truncate(time.Millisecond), program
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	p := &packer{ctx: ctx, out: tar.NewWriter(z), m: m}
	if err := p.add(ledgerName, copied); err != nil {
		return nil, errors.Join(err, z.Close())
	}
	for _, name := range slices.Sorted(maps.Keys(needed)) {
		err := p.add(spoolPrefix+name, filepath.Join(dir, "spool", name))
		if errors.Is(err, fs.ErrNotExist) {
			m.Missing, err = append(m.Missing, name), nil
		}
		if err != nil {
			return nil, errors.Join(err, z.Close())
		}
	}
	return m, errors.Join(p.end(), z.Close())
}

// prepareCopy lets a copy of the ledger forget the spooled files that are not packed with it, and names those that are.
func prepareCopy(ctx context.Context, copied string) (_ *Manifest, needed map[string]string, err error) {
	c, err := sqlite.OpenCopied(copied)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	head, err := c.Head(ctx)
	if err != nil {
		return nil, nil, err
	}
	if needed, err = c.Needed(ctx); err != nil {
		return nil, nil, err
	}
	return &Manifest{Format: backupFormat, Identity: head.Identity, Generation: head.Generation, Schema: head.Schema(), Missing: []string{}},
		needed, nil
}

// removeLedger removes a ledger that nobody works with, and what SQLite may have left beside it.
func removeLedger(path string) error {
	var errs []error
	for _, suffix := range []string{"", "-journal", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// packer puts files into a backup.
type packer struct {
	ctx context.Context
	out *tar.Writer
	m   *Manifest
}

func (p *packer) add(name, from string) (err error) {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("pack %s: it is no regular file", from)
	}
	h := &tar.Header{Name: name, Size: info.Size(), Mode: 0o600, ModTime: p.m.Made, Format: tar.FormatPAX}
	if err := p.out.WriteHeader(h); err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(p.out, sum), io.LimitReader(&patient{p.ctx, f}, info.Size()))
	if err == nil && n != info.Size() {
		err = fmt.Errorf("pack %s: it has become shorter", from)
	}
	p.m.Members = append(p.m.Members, Member{name, n, hex.EncodeToString(sum.Sum(nil))})
	return err
}

// end writes the manifest.
func (p *packer) end() error {
	text, err := json.MarshalIndent(p.m, "", "  ")
	if err != nil {
		return err
	}
	err = p.out.WriteHeader(&tar.Header{Name: manifestName, Size: int64(len(text)), Mode: 0o600, ModTime: p.m.Made, Format: tar.FormatPAX})
	if err == nil {
		_, err = p.out.Write(text)
	}
	return errors.Join(err, p.out.Close())
}

// patient reads until its context ends.
type patient struct {
	ctx context.Context
	r   io.Reader
}

func (p *patient) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	return p.r.Read(b)
}

// badBackup is the error of a file that can't be restored. Trouble on the way to it is no fault of the file.
func badBackup(why error) error {
	var trouble *bridge.Error
	if errors.As(why, &trouble) {
		return bridge.Within("read backup", why)
	}
	return &bridge.Error{Op: "read", Object: "backup", Err: why, Hint: "it is not whole, or no backup: take another one"}
}

// unpack reads a backup to its end and hands each member to whatever place gives for it; nil: nobody wants it. Nothing that it
// has written counts before it returns: only then everything is there and has its hash.
func unpack(ctx context.Context, r io.Reader, place func(name string) (io.WriteCloser, error)) (*Manifest, error) {
	z, err := zstd.NewReader(&patient{ctx, r}, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, badBackup(err)
	}
	defer z.Close()
	in, found := tar.NewReader(z), []Member(nil)
	for {
		h, err := in.Next()
		if err != nil {
			return nil, badBackup(cmpErr(errors.Is(err, io.EOF), errors.New("it has no manifest"), err))
		}
		if h.Name == manifestName {
			m, err := readManifest(in, h.Size, found)
			if err != nil {
				return nil, err
			}
			return m, ended(in, z)
		}
		if err := memberName(h); err != nil {
			return nil, badBackup(err)
		}
		if slices.ContainsFunc(found, func(f Member) bool { return f.Name == h.Name }) {
			return nil, badBackup(fmt.Errorf("%s stands in it twice", h.Name))
		}
		member, err := unpackOne(in, h, place)
		if err != nil {
			return nil, err
		}
		found = append(found, member)
	}
}

// ended reads a backup beyond its manifest: nothing comes but what ends a tar, and at the very end the sum over all that was packed,
// by which a change in the manifest itself shows.
func ended(in *tar.Reader, z io.Reader) error {
	if _, err := in.Next(); !errors.Is(err, io.EOF) {
		return badBackup(cmpErr(err == nil, errors.New("something comes after its manifest"), err))
	}
	const padding = 1 << 20
	n, err := io.CopyN(io.Discard, z, padding)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return badBackup(cmpErr(n == padding, errors.New("it does not end after its manifest"), err))
}

func cmpErr(which bool, yes, no error) error {
	if which {
		return yes
	}
	return no
}

// memberName refuses what no backup holds: other names, folders, links, and files with holes, of which a few bytes say that they are as
// large as any disk.
func memberName(h *tar.Header) error {
	name, spooled := strings.CutPrefix(h.Name, spoolPrefix)
	for record := range h.PAXRecords {
		if strings.HasPrefix(record, "GNU.sparse.") {
			return fmt.Errorf("%s has holes", bridge.Shorten(h.Name, 100))
		}
	}
	switch {
	case h.Typeflag != tar.TypeReg:
		return fmt.Errorf("%s is no file", bridge.Shorten(h.Name, 100))
	case h.Name == ledgerName:
		return nil
	case spooled && name == path.Base(name) && bridge.SafeName(name) == nil && !strings.HasPrefix(name, "."):
		return nil
	}
	return fmt.Errorf("%s does not belong there", bridge.Shorten(h.Name, 100))
}

func unpackOne(in io.Reader, h *tar.Header, place func(name string) (io.WriteCloser, error)) (_ Member, err error) {
	to, err := place(h.Name)
	if err != nil {
		return Member{}, fmt.Errorf("unpack %s: %w", h.Name, err)
	}
	sum := sha256.New()
	both := &hashed{hash: sum, to: to}
	n, err := io.Copy(both, in)
	if to != nil {
		both.trouble = errors.Join(both.trouble, to.Close())
	}
	switch {
	case both.trouble != nil:
		return Member{}, fmt.Errorf("unpack %s: %w", h.Name, both.trouble)
	case err != nil:
		return Member{}, badBackup(err)
	}
	return Member{h.Name, n, hex.EncodeToString(sum.Sum(nil))}, nil
}

// hashed writes and hashes, and keeps the writer's trouble apart from that of whoever is read.
type hashed struct {
	hash    hash.Hash
	to      io.Writer
	trouble error
}

func (h *hashed) Write(b []byte) (int, error) {
	h.hash.Write(b)
	if h.to == nil {
		return len(b), nil
	}
	n, err := h.to.Write(b)
	h.trouble = err
	return n, err
}

// readManifest reads the end of a backup and compares it with what was found before.
func readManifest(in io.Reader, size int64, found []Member) (*Manifest, error) {
	if size > maxManifest {
		return nil, badBackup(errors.New("its manifest is too large"))
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, badBackup(err)
	}
	m := &Manifest{}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(m); err != nil {
		return nil, badBackup(fmt.Errorf("its manifest: %w", err))
	}
	if m.Format != backupFormat {
		return nil, &bridge.Error{Op: "read", Object: "backup",
			Err:  fmt.Errorf("it has format %d, and this program knows %d", m.Format, backupFormat),
			Hint: "restore it with orobridge " + m.Program}
	}
	if !slices.Equal(m.Members, found) {
		return nil, badBackup(errors.New("its members are not those of its manifest"))
	}
	if !slices.ContainsFunc(found, func(f Member) bool { return f.Name == ledgerName }) {
		return nil, badBackup(errors.New("it holds no ledger"))
	}
	return m, nil
}

// newFile makes a file that only the bridge's account reads; closing it brings its bytes to the disk.
func newFile(path string) (io.WriteCloser, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, privateFile)
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(privateFile); err != nil { // whatever the umask
		return nil, errors.Join(err, f.Close())
	}
	return &synced{f}, nil
}

type synced struct{ *os.File }

func (s *synced) Close() error { return errors.Join(s.Sync(), s.File.Close()) }

// VerifyBackup reads a backup to its end, unpacks its ledger into a temporary file in a folder, opens it and reads it from end to end.
func VerifyBackup(ctx context.Context, r io.Reader, dir string) (_ *Manifest, err error) {
	trial := filepath.Join(dir, backupPart+strings.ToLower(rand.Text())+".db")
	defer func() { err = errors.Join(err, removeLedger(trial)) }()
	m, err := unpack(ctx, r, func(name string) (io.WriteCloser, error) {
		if name != ledgerName {
			return nil, nil
		}
		return newFile(trial)
	})
	if err != nil {
		return nil, err
	}
	return m, checkUnpacked(ctx, trial, m)
}

// checkUnpacked says whether an unpacked ledger is whole, and the one of the manifest.
func checkUnpacked(ctx context.Context, path string, m *Manifest) (err error) {
	c, err := sqlite.OpenCopied(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	head, err := c.Head(ctx)
	if err != nil {
		return err
	}
	if head.Identity != m.Identity || head.Generation != m.Generation {
		return badBackup(errors.New("its ledger is not the one of its manifest"))
	}
	return c.Check(ctx)
}
