package sftpd

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// notes remember, over the end of the process, which files partners have begun to write and not finished. It is a file
// of lines, "+ path" and "- path" with the path quoted, written as it happens and shortened when it has grown. Lines are
// not synced: they survive the death of the process, not of the machine.
type notes struct {
	name string
	log  *slog.Logger

	mu   sync.Mutex
	open map[string]bool
	line []byte   // the last one: its memory is used again
	file *os.File // nil before the first line
	size int64
	busy bool // it could not be shortened: not again and again
}

const maxNotes = 1 << 20 // bytes, of which most tell of files that are whole by now

// readNotes reads the file; one that is missing has no lines.
func readNotes(name string, log *slog.Logger) (*notes, error) {
	n := &notes{name: name, log: log, open: map[string]bool{}}
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return n, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16*maxPath)
	for lines.Scan() {
		sign, quoted, _ := strings.Cut(lines.Text(), " ")
		p, err := strconv.Unquote(quoted)
		switch {
		case err != nil: // the process died while it wrote the last line: that file was not opened
		case sign == "+":
			n.open[p] = true
		case sign == "-":
			delete(n.open, p)
		}
	}
	return n, lines.Err()
}

// unfinished are the files of an earlier process.
func (n *notes) unfinished() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Collect(maps.Keys(n.open))
}

// begin must be noted before the first byte is written.
func (n *notes) begin(p string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.write('+', p); err != nil {
		return fmt.Errorf("note the upload: %w", err)
	}
	n.open[p] = true
	return nil
}

// end may be lost: the file is taken for unfinished then, which is the safe side.
func (n *notes) end(p string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.open[p] {
		return
	}
	delete(n.open, p)
	if err := n.write('-', p); err != nil {
		n.log.Warn("an upload that is whole will be taken for unfinished after a restart", "file", p, "error", err)
	}
}

func (n *notes) moved(from, to string) {
	if err := n.begin(to); err != nil {
		n.log.Warn("an upload that is unfinished will be taken for whole after a restart", "file", to, "error", err)
	}
	n.end(from)
}

// write one line. Callers hold the lock.
func (n *notes) write(sign byte, p string) error {
	if n.file == nil || n.size > maxNotes && !n.busy {
		n.shorten()
	}
	if n.file == nil {
		f, err := os.OpenFile(n.name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		n.file = f
	}
	n.line = appendNote(n.line[:0], sign, p)
	written, err := n.file.Write(n.line)
	n.size += int64(written)
	return err
}

func appendNote(text []byte, sign byte, p string) []byte {
	return append(strconv.AppendQuote(append(text, sign, ' '), p), '\n')
}

// shorten writes the file anew with the lines that matter; where that fails the old one goes on.
func (n *notes) shorten() {
	var text []byte
	for _, p := range slices.Sorted(maps.Keys(n.open)) {
		text = appendNote(text, '+', p)
	}
	temp := n.name + ".new"
	err := os.WriteFile(temp, text, 0o600)
	if err == nil {
		err = os.Rename(temp, n.name)
	}
	if n.busy = err != nil; n.busy {
		n.log.Warn("the notes of uploads could not be shortened", "file", filepath.Base(n.name), "error", err)
		return
	}
	if n.file != nil {
		_ = n.file.Close()
		n.file = nil
	}
	n.size = 0
}

func (n *notes) close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.file == nil {
		return nil
	}
	err := n.file.Close()
	n.file = nil
	return err
}
