package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
)

// starter is the config that init writes. A test loads it.
//
//go:embed starter.yaml
var starter []byte

func newInitCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "init",
		Short: "Write a commented config to begin with",
		Long:  "init writes a commented config to the file that --config names (orobridge.yaml). It never overwrites one.",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			err := writeNew(a.configPath, starter)
			if errors.Is(err, fs.ErrExist) {
				return &usageError{a.configPath + " is there already", "name another file with --config, or move this one away"}
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(a.Stderr, "wrote %s\nSet the shop's address, the remotes and their secrets, then run: orobridge check\n", a.configPath)
			return nil
		},
	}
}

// writeNew writes a file that must not be there yet; one that could not be written whole is taken away again.
func writeNew(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}
