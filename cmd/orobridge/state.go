package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
	"github.com/orobridge/orobridge/state"
)

func newStateCommand(a *app) *cobra.Command {
	cmd := group(&cobra.Command{Use: "state", Short: "Keep the state folder: back it up, restore it, check it",
		Long: "state looks after the folder in which the bridge keeps what it knows. `orobridge help operation` walks through a backup, a\n" +
			"restore, a ledger that was lost, a move to another machine and an upgrade."})
	cmd.AddCommand(a.stateBackup(), a.stateRestore(), a.stateCheck(), a.stateInfo(), a.stateMigrate())
	return cmd
}

// stateFolder is the folder of the config, which needs no secrets for it.
func (a *app) stateFolder() (string, error) {
	c, err := config.View(a.configPath, kinds, a.env)
	if err != nil {
		return "", err
	}
	return c.State.Dir, nil
}

func (a *app) stateBackup() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "backup FILE",
		Short: "Write a backup of the state into a file, or to standard output (-), beside a running bridge",
		Long: "backup writes the ledger as it is at one moment, with the spooled files that are nowhere else, into one file: a tar that is\n" +
			"compressed by zstd and ends with the sha256 of each member. A bridge may go on working. What was written is read back and\n" +
			"opened; with - for FILE it goes to standard output, and nobody reads it back.",
		Example: "  orobridge state backup /mnt/backup/orobridge.tar.zst\n" +
			"  orobridge state backup - | ssh backup@example.com 'cat > orobridge.tar.zst'",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := a.stateFolder()
			if err != nil {
				return err
			}
			if _, err := os.Stat(filepath.Join(dir, "ledger.db")); err != nil {
				return &bridge.Error{Op: "back up", Object: dir, Err: err, Hint: "check state.dir: nothing has run with this config yet"}
			}
			if args[0] == "-" {
				if a.AsJSON {
					return &usageError{"--json goes with a FILE", "what is written to standard output is the backup itself"}
				}
				_, err := state.Backup(cmd.Context(), dir, readBuild().Version, a.Stdout, time.Now())
				return err
			}
			m, err := state.WriteBackup(cmd.Context(), dir, readBuild().Version, args[0], time.Now())
			if err != nil {
				return err
			}
			return show.Keeping{Pen: &a.Pen}.PrintBackup(args[0], m)
		},
	})
}

func (a *app) stateRestore() *cobra.Command {
	var yes bool
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup into the state folder, while no bridge runs",
		Long: "restore unpacks a backup, checks it, and puts it into the state folder of the config; - for FILE reads standard input. Over a\n" +
			"state that is there it goes with --yes: the ledger that stood there is put aside into a folder beside it.\n\n" +
			"What is restored is older than the world. Its next start is careful: rows are compared with the shop before they are sent, and\n" +
			"each export finds out which orders went out since; what can't be known is listed by `orobridge orders --unknown`.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			dir, err := a.stateFolder()
			if err != nil {
				return err
			}
			from := io.NopCloser(a.stdin)
			if args[0] != "-" {
				if from, err = os.Open(args[0]); err != nil {
					return &usageError{err.Error(), "name a file that `orobridge state backup` has written"}
				}
			}
			done, err := state.Restore(cmd.Context(), dir, from, yes, time.Now())
			if err = errors.Join(err, from.Close()); err != nil {
				return err
			}
			return show.Keeping{Pen: &a.Pen}.PrintRestored(dir, done)
		},
	})
	cmd.Flags().BoolVar(&yes, "yes", false, "over the state that is there")
	return cmd
}

func (a *app) stateCheck() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "check",
		Short: "Read the whole state and say what is damaged, beside a running bridge",
		Long: "check reads the ledger from end to end: its pages, indexes and references, what has lost what it belongs to, and the hashes of\n" +
			"order files, links and spooled files. It changes nothing.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := a.stateFolder()
			if err != nil {
				return err
			}
			all, err := state.Examine(cmd.Context(), dir)
			if err != nil {
				return err
			}
			return a.tellChecked(operate.Findings(all))
		},
	})
}

// tellChecked prints findings that were gathered, and exits 1 when one of them failed.
func (a *app) tellChecked(all operate.Findings) error {
	for i := range all {
		if !a.AsJSON {
			a.PrintFinding(&all[i])
		}
	}
	return cmp.Or(a.PrintChecked(all), checked(all))
}

func (a *app) stateInfo() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "info",
		Short: "Tell what the state is and holds: sizes, ages, schema, generation",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := a.stateFolder()
			if err != nil {
				return err
			}
			i, err := state.Look(cmd.Context(), dir)
			if err != nil {
				return err
			}
			return show.Keeping{Pen: &a.Pen}.PrintState(i, time.Now())
		},
	})
}

func (a *app) stateMigrate() *cobra.Command {
	var dry bool
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the ledger of an older program up to date, after a backup; a start does it as well",
		Long: "migrate brings the ledger of an older program up to date, as the next start of the bridge would. A backup is written before,\n" +
			"into the state folder. With --dry-run a copy is brought up to date and thrown away, beside a running bridge.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := a.stateFolder()
			if err != nil {
				return err
			}
			if dry {
				m, err := state.TryMigrations(cmd.Context(), dir)
				if err == nil && len(m.Missing) > 0 {
					fmt.Fprintln(a.Stderr, "nothing was changed; a copy of the ledger came through whole")
				}
				return errors.Join(err, show.Keeping{Pen: &a.Pen}.PrintMigration(m, err))
			}
			m, err := state.Migrate(cmd.Context(), dir, readBuild().Version)
			return errors.Join(err, show.Keeping{Pen: &a.Pen}.PrintMigration(m, err))
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "try it with a copy, and change nothing")
	return cmd
}
