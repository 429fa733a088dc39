package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/cmd/orobridge/show"
	"github.com/orobridge/orobridge/formats"
)

func newFormatsCommand(a *app) *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "formats [ENTITY | expressions]",
		Short: "List the formats of files, the entities and their fields",
		Long: "formats lists what `format: { kind: … }` may say, and the canonical fields of each entity, to which a feed's columns\n" +
			"are mapped. formats expressions lists the functions of the mapping language, each with an example.\n" +
			"`orobridge help config` has the options of each format, `orobridge help mapping` all of this.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 && args[0] == "expressions" {
				return a.PrintFunctions()
			}
			v, err := describeFormats(args)
			if err != nil {
				return err
			}
			return a.PrintFormats(v)
		},
	})
}

// describeFormats describes the formats and entities, or one entity alone.
func describeFormats(args []string) (*show.Formats, error) {
	entities := formats.Entities
	if len(args) > 0 {
		entities = slices.DeleteFunc(slices.Clone(entities), func(e *formats.Entity) bool { return e.Name != args[0] })
	}
	if len(entities) == 0 {
		names := make([]string, len(formats.Entities))
		for i, e := range formats.Entities {
			names[i] = e.Name
		}
		return nil, &usageError{fmt.Sprintf("there is no entity %q", args[0]), "entities are: " + strings.Join(names, ", ")}
	}
	return show.NewFormats(slices.Collect(maps.Keys(kinds.Formats)), slices.Collect(maps.Keys(kinds.Orders)), entities), nil
}
