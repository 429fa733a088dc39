package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/orobridge/orobridge/state/ledger"
)

// givenBack is how many free pages one call gives back at most: 32 MB.
const givenBack = 8192

// GiveBack returns room that the ledger does not need any more to the disk; more says that there is still some. It is done a part
// at a time, so that nobody waits for long.
func (l *Ledger) GiveBack(ctx context.Context) (more bool, err error) {
	err = l.Alone(ctx, func() error {
		more, err = l.file.giveBack(ctx)
		return err
	})
	return more, wrap("give room back", trouble(err))
}

func (f *file) giveBack(ctx context.Context) (more bool, err error) {
	var free, mode int
	const room = `SELECT (SELECT freelist_count FROM pragma_freelist_count), (SELECT auto_vacuum FROM pragma_auto_vacuum)`
	if err := f.write.QueryRowContext(ctx, room).Scan(&free, &mode); err != nil {
		return false, err
	}
	// The checkpoint waits for no reader: the next one finds what this one had to leave.
	steps := []string{fmt.Sprintf(`PRAGMA incremental_vacuum(%d)`, givenBack),
		`PRAGMA busy_timeout = 0`, `PRAGMA wal_checkpoint(TRUNCATE)`, `PRAGMA busy_timeout = 5000`}
	if mode == 0 { // of an early program: its file is written anew, once
		steps[0] = `PRAGMA auto_vacuum = incremental; VACUUM`
	}
	for _, query := range steps {
		// Each step of a pragma frees one page: to the end.
		if err := ledger.Walk(ctx, f.write, query, nil, func(*sql.Rows) error { return nil }); err != nil {
			return false, err
		}
	}
	err = f.read.QueryRowContext(ctx, room).Scan(&free, &mode)
	return free > 0, err
}
