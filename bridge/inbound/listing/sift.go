// Package listing takes a listing of a feed's folder apart: which files are the feed's, its manifests, its markers, which can't be
// taken, and which are strangers there.
//
// What may go in: what names and attributes say. What may not: the ledger, and what becomes of a file (package inbound).
package listing

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// Sifted is a listing of a feed's folder, taken apart.
type Sifted struct {
	Files   []bridge.File // the feed's and its manifests, oldest first
	Markers map[string]bridge.File
	Refused []Refusal // what the feed would take if its name could be used, or if it were a regular file
	TooMany int       // more of them, beyond the limit
	Foreign int       // files that are no business of the feed
	// Strangers are the names of the first of these.
	Strangers []string
}

// A Refusal is a file whose name can't be used, or what is no regular file. It is left alone; the ledger keeps that it was
// there.
type Refusal struct {
	bridge.File        // a Name that can't be used is quoted and cut: it can be printed, and is no path
	Why         string //
}

// maxRefused bounds how many names that can't be used are kept of one listing: they cost a server that plays tricks
// nothing, and each stays in the ledger.
const maxRefused = 100

// Sift tells which files of a listing are the feed's, its manifests, and their markers. Folders and files under temporary
// names are left out.
func Sift(f *config.Feed, listing []bridge.File) *Sifted {
	s := &Sifted{Markers: map[string]bridge.File{}}
	for _, file := range listing {
		switch {
		case file.Dir || file.Writing || bridge.Temporary(file.Name, f.Ignore):
			continue
		case f.Ready.Marker != "" && strings.HasSuffix(file.Name, f.Ready.Marker) && !file.Special:
			s.Markers[file.Name] = file
			continue
		}
		_, _, ours := f.Match.Match(strings.ReplaceAll(file.Name, "/", "_"))
		if !ours && !f.Ready.Lists(file.Name) {
			if s.Foreign++; len(s.Strangers) < maxRefused {
				s.Strangers = append(s.Strangers, file.Name)
			}
			continue
		}
		switch err := bridge.SafeName(file.Name); {
		case err == nil && !file.Special:
			s.Files = append(s.Files, file)
		case len(s.Refused) == maxRefused:
			s.TooMany++
		case err == nil:
			s.Refused = append(s.Refused, Refusal{File: file, Why: notRegular})
		default:
			s.Refused = append(s.Refused, refuse(file, err))
		}
	}
	slices.SortFunc(s.Files, func(x, y bridge.File) int { return cmp.Or(x.MTime.Compare(y.MTime), cmp.Compare(x.Name, y.Name)) })
	return s
}

// notRegular is why what is no file is left alone.
const notRegular = "it is a link, a pipe or a device; it was left alone: have the file itself put there"

// refuse makes a name printable and short, so that names which differ stay different.
func refuse(file bridge.File, why error) Refusal {
	sum := sha256.Sum256([]byte(file.Name))
	name := strconv.QuoteToASCII(bridge.Shorten(file.Name, bridge.MaxName))
	if len(file.Name) > bridge.MaxName {
		name += "~" + hex.EncodeToString(sum[:8])
	}
	file.Name = name
	return Refusal{File: file, Why: why.Error() + "; it was left alone: have it sent under another name"}
}
