package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Set by scripts/release (-ldflags -X): a release says what it is wherever it was built.
var releaseVersion, releaseRevision string

// build is what `orobridge version` tells.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // commit
	Modified bool   `json:"modified,omitempty"` // built from a changed checkout
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersionCommand(a *app) *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "version",
		Short: "Print what this program was built from",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			b := readBuild()
			if a.AsJSON {
				return a.PrintJSON(b)
			}
			fmt.Fprintf(a.Stdout, "orobridge %s\n", b.Version)
			if b.Revision != "" {
				fmt.Fprintf(a.Stdout, "commit    %s\n", b.Revision)
			}
			fmt.Fprintf(a.Stdout, "go        %s %s\n", b.Go, b.Platform)
			return nil
		},
	})
}

func readBuild() build {
	b := build{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if releaseVersion != "" {
		b.Version, b.Revision = releaseVersion, releaseRevision
		return b
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if b.Version = info.Main.Version; b.Version == "" || b.Version == "(devel)" {
		b.Version = "devel"
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}
