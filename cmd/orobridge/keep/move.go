package keep

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/state"
)

type moveFunc = func(ctx context.Context, dir, postgres, program string, at time.Time) (*state.Moved, error)

func (v Verbs) move() *cobra.Command {
	var to string
	cmd := v.jsonFlag(&cobra.Command{
		Use:   "move --to postgres | --to sqlite",
		Short: "Carry the ledger over from its file to PostgreSQL, or back",
		Long: "move carries the ledger over, while no bridge runs: --to postgres from the state folder to the database that state.postgres\n" +
			"names, --to sqlite from there into the state folder. Every table is compared with what was carried over, by the count of its\n" +
			"rows and a sum of their sha256, before the old ledger is put aside. Cut short, the same command goes on where it stopped.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, postgres, err := v.Place()
			if err != nil {
				return err
			}
			move := map[string]moveFunc{"postgres": state.MoveToPostgres, "sqlite": state.MoveToFile}[to]
			switch {
			case move == nil:
				return &operate.Mistake{Message: "name where the ledger is to go", Hint: "--to postgres, or --to sqlite"}
			case postgres == "":
				return &operate.Mistake{Message: "the config names no database", Hint: "write its address into state.postgres, or its other forms"}
			}
			moved, err := move(cmd.Context(), dir, postgres, v.Version, time.Now())
			if err != nil {
				return err
			}
			return v.Pen.PrintMoved(to, moved)
		},
	})
	cmd.Flags().StringVar(&to, "to", "", "postgres or sqlite")
	return cmd
}
