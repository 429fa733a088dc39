//go:build !linux

package dir

import (
	"os"

	"github.com/orobridge/orobridge/bridge"
)

// more appends the next entries of a folder that is open, and returns io.EOF behind the last.
func more(f *os.File, files []bridge.File) ([]bridge.File, error) {
	infos, err := f.Readdir(entriesAtOnce)
	for _, info := range infos {
		files = append(files, asFile(info))
	}
	return files, err
}
