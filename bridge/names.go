package bridge

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxName is the longest base name in bytes: the limit of ext4, XFS, NTFS (in UTF-16 units) and most SFTP servers.
const MaxName = 255

// ErrName is wrapped by every error about a name or path that can't be used.
var ErrName = errors.New("name can't be used")

// SafeName says whether name may be used as a base name, on a remote as well as locally: not empty, at most [MaxName]
// bytes of UTF-8, not "." or "..", without slash, backslash, control characters, line separators or the characters that
// turn the reading direction (they make a name look like another). Wildcards, blanks and quotes are ordinary characters:
// no remote expands them.
func SafeName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: it is empty", ErrName)
	case name == "." || name == "..":
		return fmt.Errorf("%w: %q means a folder", ErrName, name)
	case len(name) > MaxName:
		return fmt.Errorf("%w: %q… has %d bytes, more than %d", ErrName, Shorten(name, 40), len(name), MaxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: %q is not UTF-8", ErrName, name)
	}
	for _, r := range name {
		if r == '/' || r == '\\' || hidden(r) {
			return fmt.Errorf("%w: %q contains %q", ErrName, name, r)
		}
	}
	return nil
}

// hidden characters can't be seen, or change how what stands beside them is seen.
func hidden(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}

// SplitPath takes the path of a remote (slash-separated, "/" or "" for the root) apart into its elements. An element
// that [SafeName] refuses is an error, so that the path can't leave the root.
func SplitPath(p string) ([]string, error) {
	var elements []string
	for e := range strings.SplitSeq(p, "/") {
		if e == "" || e == "." {
			continue
		}
		if err := SafeName(e); err != nil {
			return nil, err
		}
		elements = append(elements, e)
	}
	return elements, nil
}

// temporary are the ends of names that are still being written, in lower case.
var temporary = []string{".tmp", ".part", ".filepart", ".writing"}

// Temporary says whether a base name is one of a file that is still being written: hidden names, *.tmp, *.part,
// *.filepart (WinSCP) and *.writing in any case, and the patterns (as of [path.Match]) in extra. A malformed pattern
// matches nothing.
func Temporary(name string, extra []string) bool {
	writing := strings.HasPrefix(name, ".") || slices.ContainsFunc(temporary, func(end string) bool {
		return len(name) >= len(end) && strings.EqualFold(name[len(name)-len(end):], end)
	})
	return writing && !strings.Contains(name, "/") || slices.ContainsFunc(extra, func(pattern string) bool {
		ok, _ := path.Match(pattern, name)
		return ok
	})
}

// The bridge's own temporary names: .orobridge-<identity>-<random>.tmp. The identity keeps two bridges that write into one
// folder apart.
const (
	OwnPrefix = ".orobridge-"
	ownSuffix = ".tmp"
)

// TempName is a new name for a file that is being written by the bridge of that identity: small letters and digits, or
// nothing. No two calls return the same.
func TempName(identity string) string {
	return tempPrefix(identity) + strings.ToLower(rand.Text()) + ownSuffix
}

// OwnTemp says whether a name came from [TempName] with the same identity, in this process or an earlier one.
func OwnTemp(identity, name string) bool {
	random, ok := strings.CutPrefix(name, tempPrefix(identity))
	return ok && strings.HasSuffix(random, ownSuffix) && !strings.Contains(random, "-")
}

func tempPrefix(identity string) string {
	if identity == "" {
		return OwnPrefix
	}
	return OwnPrefix + identity + "-"
}

// CheckIdentity says whether a text may stand in temporary names.
func CheckIdentity(identity string) error {
	if len(identity) > 64 || strings.Trim(identity, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return fmt.Errorf("%w: identity %q: at most 64 small letters and digits", ErrName, Shorten(identity, 100))
	}
	return nil
}

// DerivedName puts a tag before a name's extension: (prices.csv.gz, _rejects) becomes prices_rejects.csv.gz. The result
// has at most [MaxName] bytes; where something has to go, a part of the stem gives way to a hash of the whole name, so
// that different names with the same tag stay different. The tag is short and has no dot.
func DerivedName(name, tag string) string {
	ext := extension(name)
	stem := strings.TrimSuffix(name, ext)
	if len(name)+len(tag) > MaxName {
		sum := sha256.Sum256([]byte(name))
		tag = "~" + hex.EncodeToString(sum[:8]) + tag
		stem = Shorten(stem, MaxName-len(tag)-len(ext))
	}
	return stem + tag + ext
}

// MaxStrangers is how many files of others may stand where one of ours should, before somebody has to look.
const MaxStrangers = 20

// NumberedName is another name for a file when the first is taken: the name itself for 1, then prices_2.csv.
func NumberedName(name string, n int) string {
	if n == 1 {
		return name
	}
	return DerivedName(name, fmt.Sprintf("_%d", n))
}

// maxExtension is the longest extension that is kept when a name is derived.
const maxExtension = 16

// packed are extensions that stand behind another one.
var packed = map[string]bool{".gz": true, ".zst": true, ".bz2": true, ".xz": true, ".zip": true, ".pgp": true, ".gpg": true, ".asc": true}

// extension is the extension of a name with its dot, .csv.gz included; empty when it is too long to be one.
func extension(name string) string {
	ext := path.Ext(name)
	if len(ext) > maxExtension {
		return ""
	}
	if packed[strings.ToLower(ext)] {
		inner := path.Ext(strings.TrimSuffix(name, ext))
		if len(inner) <= maxExtension {
			ext = inner + ext
		}
	}
	return ext
}

// Shorten shortens s to at most n bytes without splitting a character.
func Shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// FileObject is how an error names a file of a remote: "sap:/out/p.csv". What can't be printed is quoted.
func FileObject(remote, p string) string {
	if !utf8.ValidString(p) || strings.ContainsFunc(p, hidden) {
		p = strconv.Quote(p)
	}
	return remote + ":" + p
}

// NameError is the error for a path that a remote refuses to use.
func NameError(op, remote, p string, err error) *Error {
	return &Error{Op: op, Object: FileObject(remote, Shorten(p, 1024)), Fate: Stop, File: true, Err: err,
		Hint: "paths consist of plain UTF-8 names below the remote's folder: rename the file, or correct the folder in the config"}
}

// Digest is a short text that stands for a long one.
func Digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:16])
}
