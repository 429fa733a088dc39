package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Rows are taken over as they are, one that the disk has put a NUL into as well.
func TestPackedRowsAreTakenApart(t *testing.T) {
	db, err := sql.Open("sqlite3", filepath.Join(t.TempDir(), "rows.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, rows := range [][]string{
		nil,
		{`'A', 7, -9223372036854775808`},
		{`'', 0, -1`},
		{`'A', 7, 1`, `'B' || char(10) || ',', 8, 0`, `'', 0, -1`, `'CD', 9, 9223372036854775807`, `'', 1, 1`},
		{`'A', 7, 1`, `'B' || char(0) || 'C', 8, 0`, `'', 0, -1`},
		{`char(0), 7, 1`},
	} {
		query := `FROM (SELECT '' AS text, 0 AS one, 0 AS two WHERE FALSE`
		var want, got []string
		for _, row := range rows {
			query += ` UNION ALL SELECT ` + row
			var text string
			var one, two int64
			if err := db.QueryRow(`SELECT `+row).Scan(&text, &one, &two); err != nil {
				t.Fatal(err)
			}
			want = append(want, fmt.Sprintf("%q %d %d", text, one, two))
		}
		err := packing{"text", []string{"one", "two"}}.each(context.Background(), db, query+`)`, nil, func(text []byte, of []int64) error {
			got = append(got, fmt.Sprintf("%q %d %d", text, of[0], of[1]))
			return nil
		})
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", strings.Join(rows, "; "), err, diff)
		}
	}
}
