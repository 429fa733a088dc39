package show

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/bridge/operate/checkup"
	"github.com/orobridge/orobridge/state"
)

// Keeping prints what is told of the state folder.
type Keeping struct{ *Pen }

// PrintExamined prints what was found whole and what was not, which is an error.
func (p Keeping) PrintExamined(all checkup.Findings) error {
	for i := range all {
		if !p.AsJSON {
			p.PrintFinding(&all[i])
		}
	}
	err := p.PrintChecked(all)
	if err == nil && all.Failed() > 0 {
		err = errors.New("the state is damaged")
	}
	return err
}

// PrintBackup prints what stands in a backup.
func (p Keeping) PrintBackup(path string, m *state.Manifest) error {
	if p.AsJSON {
		return p.PrintJSON(m)
	}
	fmt.Fprintf(p.Stdout, "%s holds the ledger and %d spooled files, %s unpacked, of generation %d\n", Printable(path),
		len(m.Members)-1, size(m.Size()), m.Generation)
	for _, name := range m.Missing {
		fmt.Fprintf(p.Stderr, "warning: the spooled file %s is not there, and not in the backup\n", Printable(name))
	}
	return nil
}

// PrintRestored prints what a restore has done, and what comes next.
func (p Keeping) PrintRestored(dir string, r *state.Restored) error {
	if p.AsJSON {
		return p.PrintJSON(struct {
			*state.Manifest
			Life     int64  `json:"new_generation"`
			Replaced string `json:"replaced"`
		}{&r.Manifest, r.Life, r.Replaced})
	}
	fmt.Fprintf(p.Stdout, "%s holds the state of %s; generation %d begins\n", Printable(dir), Moment(&r.Made), r.Life)
	if r.Replaced != "" {
		fmt.Fprintf(p.Stdout, "what stood there is in %s: remove it when it is not needed any more\n", Printable(r.Replaced))
	}
	fmt.Fprintln(p.Stderr, "hint: start the bridge, then see `orobridge status` and `orobridge orders --unknown`")
	return nil
}

// PrintSalvaged prints what was read of a damaged ledger, and what is lost.
func (p Keeping) PrintSalvaged(dir string, s *state.Salvaged) error {
	if p.AsJSON {
		type table struct {
			Table string `json:"table"`
			Read  int64  `json:"read"`
			Lost  string `json:"lost"`
		}
		tables := make([]table, len(s.Tables))
		for i, t := range s.Tables {
			tables[i] = table(t)
		}
		return p.PrintJSON(map[string]any{"tables": tables, "new_generation": s.Life, "replaced": s.Replaced})
	}
	rows := make([][]string, len(s.Tables))
	for i, t := range s.Tables {
		rows[i] = []string{t.Table, Decimal(t.Read), t.Lost}
	}
	if err := p.Table([]string{"TABLE", "ROWS", "LOST"}, rows, "nothing"); err != nil {
		return err
	}
	fmt.Fprintf(p.Stdout, "%s holds what could be read; generation %d begins\n", Printable(dir), s.Life)
	if s.Replaced != "" {
		fmt.Fprintf(p.Stdout, "what stood there is in %s\n", Printable(s.Replaced))
	}
	fmt.Fprintln(p.Stderr, "hint: start the bridge, then see `orobridge status` and `orobridge orders --unknown`")
	return nil
}

// PrintMoved prints what was carried over, and what comes next.
func (p Keeping) PrintMoved(to string, m *state.Moved) error {
	if p.AsJSON {
		return p.PrintJSON(m)
	}
	rows := make([][]string, len(m.Tables))
	for i, t := range m.Tables {
		rows[i] = []string{t.Table, Decimal(t.Rows), t.SHA256[:12]}
	}
	if err := p.Table([]string{"TABLE", "ROWS", "SHA256"}, rows, "nothing"); err != nil {
		return err
	}
	next := "start the bridge"
	if to == "sqlite" {
		next = "take state.postgres out of the config, and start the bridge"
	}
	fmt.Fprintf(p.Stdout, "each row is there; what was carried over stands in %s\n", Printable(m.Aside))
	fmt.Fprintln(p.Stderr, "hint: "+next+"; remove what was put aside once it is not needed any more")
	return nil
}

// PrintAdoptedOrders prints which orders were taken as written.
func (p Keeping) PrintAdoptedOrders(v *operate.AdoptedOrders) error {
	if p.AsJSON {
		return p.PrintJSON(v)
	}
	for _, o := range v.Unknown {
		fmt.Fprintf(p.Stdout, "%s is unknown still\n", Printable(o.Order))
	}
	fmt.Fprintf(p.Stdout, "%d orders went out, of %d it is unknown\n", len(v.Written), len(v.Unknown))
	return nil
}

// PrintState prints what a state folder is and holds.
func (p Keeping) PrintState(i *state.Info, now time.Time) error {
	if p.AsJSON {
		return p.PrintJSON(i)
	}
	line := func(name, format string, args ...any) {
		fmt.Fprintf(p.Stdout, "%-11s %s\n", name, Printable(fmt.Sprintf(format, args...)))
	}
	held := "no bridge works with it"
	if i.Held {
		held = "a bridge works with it"
	}
	line("folder", "%s: %s", i.Folder, held)
	if i.Database != "" {
		line("database", "%s", i.Database)
	}
	line("identity", "%s, generation %d, since %s", i.Identity, i.Generation, Moment(&i.Made))
	schema := i.Schema
	if i.Program != "" {
		schema += ", opened by orobridge " + i.Program
	}
	if len(i.Missing) > 0 {
		schema += "; lacks " + strings.Join(i.Missing, ", ")
	}
	line("schema", "%s", schema)
	if i.Database == "" {
		line("ledger", "%s, %s of it free, and %s of log", size(i.Ledger), size(i.Free), size(i.Log))
	} else {
		line("ledger", "%s", size(i.Ledger))
	}
	var rows []string
	for _, table := range slices.Sorted(maps.Keys(i.Rows)) {
		rows = append(rows, fmt.Sprintf("%d %s", i.Rows[table], table))
	}
	line("rows", "%s", strings.Join(rows, ", "))
	line("journal", "%s to %s", Moment(i.Oldest), Moment(i.Newest))
	line("spool", "%d files, %s", i.Spool.Files, size(i.Spool.Bytes))
	if b := i.Backup; i.Database != "" {
		line("backup", "by whatever backs the database up: see `orobridge help machines`")
	} else if b != nil {
		line("backup", "%s ago, %s, %s", age(now, &b.At), size(b.Bytes), b.Place)
	} else {
		line("backup", "none by a schedule: see state.backup in `orobridge help config`")
	}
	for _, name := range i.Aside {
		line("put aside", "%s", name)
	}
	return nil
}

// PrintMigration prints which migrations were applied.
func (p Keeping) PrintMigration(m state.Migration, failed error) error {
	switch {
	case failed != nil:
	case len(m.Missing) == 0:
		fmt.Fprintln(p.Stdout, "the ledger is up to date")
	default:
		fmt.Fprintf(p.Stdout, "%s: %s\n", strings.Join(m.Missing, ", "), m.Took.Round(time.Millisecond))
	}
	return nil
}

// size is a number of bytes for people.
func size(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MB", n>>20)
	case n >= 10<<10:
		return fmt.Sprintf("%d KB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
