package bridge

import (
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// NotThere says that a file is not there, as against a remote that is not.
func NotThere(err error) bool {
	return errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrUnreachable)
}

// SameTime compares a server's time with one that the ledger has kept, which has milliseconds. No time is like no time.
func SameTime(server, kept time.Time) bool {
	return NoTime(server) && NoTime(kept) || server.Truncate(time.Millisecond).Equal(kept.Truncate(time.Millisecond))
}

// NoTime says that a server tells no time of a file: none at all, or the beginning of 1970.
func NoTime(t time.Time) bool { return t.IsZero() || t.UnixMilli() == 0 }

// ErrNotRegular is wrapped when a link, a folder, a pipe or a device stands where a file is wanted.
var ErrNotRegular = errors.New("not a regular file")

// ErrNotFolder is wrapped when something else stands where a folder is wanted: a file, or a link, even one to a folder.
var ErrNotFolder = errors.New("not a folder")

// WantFile returns an error wrapping [ErrNotRegular] for the mode of anything but a regular file.
func WantFile(mode fs.FileMode) error {
	if mode.IsRegular() {
		return nil
	}
	return fmt.Errorf("%w: it is %s", ErrNotRegular, kindOf(mode))
}

// WantFolder returns an error wrapping [ErrNotFolder] for the mode of anything but a folder. The path is the folder's.
func WantFolder(mode fs.FileMode, path string) error {
	if mode.IsDir() {
		return nil
	}
	return fmt.Errorf("%w: %s is %s", ErrNotFolder, path, kindOf(mode))
}

// HintOfKind is what to do about an error that wraps [ErrNotRegular] or [ErrNotFolder]; empty for others.
func HintOfKind(err error) string {
	switch {
	case errors.Is(err, ErrNotRegular):
		return "only regular files are taken, and links are not followed: have the file itself put there"
	case errors.Is(err, ErrNotFolder):
		return "make a folder in its place; links below the remote's path are not followed: if it is yours, name what it points to in the config"
	}
	return ""
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return "a file"
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeSymlink != 0:
		return "a link"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	if mode&fs.ModeDevice == 0 {
		return "something unknown"
	}
	return "a device"
}
