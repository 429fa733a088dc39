//go:build !linux

package dir

import "os"

func renameNoReplace(*os.File, string, *os.File, string) error { return errNoReplace }
