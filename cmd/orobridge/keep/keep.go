// Package keep is the verbs that keep the state folder: back it up, restore it, check it, bring it up to date. They work on the folder
// itself, and need no bridge: what they do is done by package state, and what they print by package show.
package keep

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/bridge/operate/checkup"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
	"github.com/orobridge/orobridge/state"
)

// Verbs are made of what they need of the program.
type Verbs struct {
	Pen     show.Keeping
	Stdin   io.Reader
	Place   func() (dir, postgres string, err error) // of the config
	Version string
}

// Commands are the verbs, as those below `state`.
func (v Verbs) Commands() []*cobra.Command {
	return []*cobra.Command{v.backup(), v.restore(), v.check(), v.info(), v.migrate(), v.move(), v.salvage()}
}

// file is the state folder of a verb that works on a ledger in a file. One in PostgreSQL has ways of its own.
func (v Verbs) file(verb, instead string) (dir string, err error) {
	dir, postgres, err := v.Place()
	if err == nil && postgres != "" {
		err = &operate.Mistake{Message: "state " + verb + ": the ledger stands in PostgreSQL", Hint: instead + "; see `orobridge help machines`"}
	}
	return dir, err
}

// jsonFlag gives a verb its --json.
func (v Verbs) jsonFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVar(&v.Pen.AsJSON, "json", false, "print JSON")
	return cmd
}

func (v Verbs) backup() *cobra.Command {
	return v.jsonFlag(&cobra.Command{
		Use:   "backup FILE",
		Short: "Write a backup of the state into a file, or to standard output (-), beside a running bridge",
		Long: "backup writes the ledger as it is at one moment, with the spooled files that are nowhere else, into one file: a tar that is\n" +
			"compressed by zstd and ends with the sha256 of each member. A bridge may go on working. What was written is read back and\n" +
			"opened; with - for FILE it goes to standard output, and nobody reads it back.",
		Example: "  orobridge state backup /mnt/backup/orobridge.tar.zst\n" +
			"  orobridge state backup - | ssh backup@example.com 'cat > orobridge.tar.zst'",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := v.file("backup", "back it up with pg_dump, or with whatever backs the database up")
			if err != nil {
				return err
			}
			if _, err := os.Stat(filepath.Join(dir, "ledger.db")); err != nil {
				return &bridge.Error{Op: "back up", Object: dir, Err: err, Hint: "check state.dir: nothing has run with this config yet"}
			}
			if args[0] == "-" {
				if v.Pen.AsJSON {
					return &operate.Mistake{Message: "--json goes with a FILE", Hint: "what is written to standard output is the backup itself"}
				}
				_, err := state.Backup(cmd.Context(), dir, v.Version, v.Pen.Stdout, time.Now())
				return err
			}
			m, err := state.WriteBackup(cmd.Context(), dir, v.Version, args[0], time.Now())
			if err != nil {
				return err
			}
			return v.Pen.PrintBackup(args[0], m)
		},
	})
}

func (v Verbs) restore() *cobra.Command {
	var yes bool
	cmd := v.jsonFlag(&cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup into the state folder, while no bridge runs",
		Long: "restore unpacks a backup, checks it, and puts it into the state folder of the config; - for FILE reads standard input. Over a\n" +
			"state that is there it goes with --yes: the ledger that stood there is put aside into a folder beside it.\n\n" +
			"What is restored is older than the world. Its next start is careful: rows are compared with the shop before they are sent, and\n" +
			"each export finds out which orders went out since; what can't be known is listed by `orobridge orders --unknown`.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			dir, err := v.file("restore", "put a dump back with pg_restore or psql while no bridge runs: the next start notices, and is careful")
			if err != nil {
				return err
			}
			from := io.NopCloser(v.Stdin)
			if args[0] != "-" {
				if from, err = os.Open(args[0]); err != nil {
					return &operate.Mistake{Message: err.Error(), Hint: "name a file that `orobridge state backup` has written"}
				}
			}
			done, err := state.Restore(cmd.Context(), dir, from, yes, time.Now())
			if err = errors.Join(err, from.Close()); err != nil {
				return err
			}
			return v.Pen.PrintRestored(dir, done)
		},
	})
	cmd.Flags().BoolVar(&yes, "yes", false, "over the state that is there")
	return cmd
}

func (v Verbs) check() *cobra.Command {
	return v.jsonFlag(&cobra.Command{
		Use:   "check",
		Short: "Read the whole state and say what is damaged, beside a running bridge",
		Long: "check reads the ledger from end to end: its pages, indexes and references, what has lost what it belongs to, and the hashes of\n" +
			"order files, links and spooled files. It changes nothing.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, postgres, err := v.Place()
			if err != nil {
				return err
			}
			all, err := state.Examine(cmd.Context(), dir, postgres)
			if err != nil {
				return err
			}
			return v.Pen.PrintExamined(checkup.Findings(all))
		},
	})
}

func (v Verbs) info() *cobra.Command {
	return v.jsonFlag(&cobra.Command{
		Use:   "info",
		Short: "Tell what the state is and holds: sizes, ages, schema, generation",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, postgres, err := v.Place()
			if err != nil {
				return err
			}
			i, err := state.Look(cmd.Context(), dir, postgres)
			if err != nil {
				return err
			}
			return v.Pen.PrintState(i, time.Now())
		},
	})
}

func (v Verbs) salvage() *cobra.Command {
	var yes bool
	cmd := v.jsonFlag(&cobra.Command{
		Use:   "salvage FILE",
		Short: "Read what can be read of a damaged ledger into a new one, and say what is lost",
		Long: "salvage reads a damaged ledger.db, row by row, into a new ledger that takes its place in the state folder; what stood there is\n" +
			"put aside. A backup is better where there is one. The next start is careful, as after a restore.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := v.file("salvage", "what a damaged database still holds is its own tools' business")
			if err != nil {
				return err
			}
			done, err := state.Salvage(cmd.Context(), dir, args[0], yes, time.Now())
			if err != nil {
				return err
			}
			return v.Pen.PrintSalvaged(dir, done)
		},
	})
	cmd.Flags().BoolVar(&yes, "yes", false, "over the ledger that is there")
	return cmd
}

func (v Verbs) migrate() *cobra.Command {
	var dry bool
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the ledger of an older program up to date, after a backup; a start does it as well",
		Long: "migrate brings the ledger of an older program up to date, as the next start of the bridge would. A backup is written before,\n" +
			"into the state folder. With --dry-run a copy is brought up to date and thrown away, beside a running bridge.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, postgres, err := v.Place()
			if err != nil {
				return err
			}
			migrate := state.Migrate
			if dry {
				migrate = state.TryMigrations
			}
			m, err := migrate(cmd.Context(), dir, postgres, v.Version)
			if err == nil && dry && len(m.Missing) > 0 && postgres == "" {
				fmt.Fprintln(v.Pen.Stderr, "nothing was changed; a copy of the ledger came through whole")
			}
			return errors.Join(err, v.Pen.PrintMigration(m, err))
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "try it with a copy, and change nothing")
	return cmd
}
