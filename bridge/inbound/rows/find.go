package rows

import (
	"errors"
	"io"
	"os"

	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/formats"
)

// A Single row is what somebody looks at of a file.
type Single struct {
	Cells map[string]string
	Pos   formats.Position
}

// Find reads the row of a local file that begins on a line, as a feed would read it; nil when there is none.
func Find(f *config.Feed, path string, line int64) (found *Single, err error) {
	spool, err := os.MkdirTemp("", "orobridge-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(spool)) }()
	file, err := Open(spool, f, path, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var row formats.Row
	for {
		err := file.Next(&row)
		var bad *formats.Reject
		switch {
		case errors.Is(err, io.EOF):
			return nil, nil
		case err != nil && !errors.As(err, &bad):
			return nil, err
		case row.Pos.Line == line:
			return &Single{Cells: CellsOf(file.Columns(), &row).Row(), Pos: row.Pos}, nil
		}
	}
}
