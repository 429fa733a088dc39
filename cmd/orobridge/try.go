package main

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/rows"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/csv"
)

func newTryCommand(a *app) *cobra.Command {
	var feed, at string
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "try EXPR",
		Short: "Show what a mapping expression makes of a row",
		Long: "try computes an expression of the mapping language (`orobridge formats expressions`), over a row of a file when one is\n" +
			"named: the row that begins on that line, of an IDoc the segment with that number. The file is read as the feed would\n" +
			"read it, without a feed as inspect would.",
		Example: "  orobridge try \"amount(KBETR) / amount(KPEIN)\" --feed prices --row COND_A.xml:3",
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return a.try(args[0], feed, at) },
	})
	cmd.Flags().StringVar(&feed, "feed", "", "the feed whose format, lists and conventions count")
	cmd.Flags().StringVar(&at, "row", "", "`FILE:LINE` of the row")
	return cmd
}

func (a *app) try(source, feed, at string) error {
	f, err := a.feed(feed)
	if err != nil {
		return err
	}
	f = cmp.Or(f, &config.Feed{})
	t := &show.Trial{Expression: source, Reads: map[string]string{}}
	row := func(string) (string, bool) { return "", false }
	if at != "" {
		cells, where, err := a.rowAt(&f, source, at)
		if err != nil {
			return err
		}
		t.Where = where
		row = func(column string) (string, bool) { text, ok := cells[column]; return text, ok }
	}
	var conventions formats.Conventions
	if f.Format != nil {
		conventions = f.Format.Conventions()
	}
	x, err := f.Mapping.Expression(source, conventions)
	if err != nil {
		return &usageError{err.Error(), "orobridge formats expressions lists the functions"}
	}
	for _, column := range x.Columns() {
		text, ok := row(column)
		if !ok {
			return &usageError{fmt.Sprintf("the expression reads %s, and no row that has it is named", column),
				"name one: --row FILE:LINE, with --feed where the file does not tell its format"}
		}
		t.Reads[column] = text
	}
	if t.Result, err = x.Text(func(column string) string { return t.Reads[column] }); err != nil {
		var bad *formats.Reject
		if !errors.As(err, &bad) {
			return err
		}
		t.Error = bad.Message
	}
	if err := a.PrintTrial(t); err != nil {
		return err
	}
	if t.Error != "" {
		return exit(exitFailed)
	}
	return nil
}

// rowAt reads the cells of a row, those that the expression reads among them.
func (a *app) rowAt(f **config.Feed, source, at string) (cells map[string]string, where string, err error) {
	i := strings.LastIndexByte(at, ':')
	if i < 1 {
		return nil, "", &usageError{fmt.Sprintf("%q is not FILE:LINE", at), "write --row prices.csv:3"}
	}
	line, err := strconv.ParseInt(at[i+1:], 10, 64)
	if err != nil || line < 1 {
		return nil, "", &usageError{fmt.Sprintf("%q is not FILE:LINE", at), "write --row prices.csv:3"}
	}
	path := at[:i]
	if (*f).Format == nil {
		v, err := operate.Look(path)
		if err != nil {
			return nil, "", err
		}
		*f = reading(v)
		if _, table := (*f).Format.(*csv.Options); table && (*f).Entity == nil {
			(*f).Entity = formats.Products // cells of a table are the same for any
		}
		if (*f).Entity == nil {
			return nil, "", &usageError{path + ": nothing tells which entity it holds", "name the feed that would read it: --feed FEED"}
		}
	}
	if s, ok := (*f).Format.(formats.Selector); ok { // it yields the columns that a mapping reads
		reads := &formats.Mapping{Columns: map[string]string{formats.RemoveField: source}, Lists: (*f).Mapping.Lists, Open: (*f).Mapping.Open}
		if err := s.Select((*f).Entity, reads); err != nil {
			return nil, "", &usageError{err.Error(), "orobridge formats lists the fields of the entity"}
		}
	}
	row, err := rows.Find(*f, path, line)
	if err != nil || row == nil {
		return nil, "", cmp.Or(err, error(&usageError{fmt.Sprintf("%s has no row that begins on line %d", path, line),
			"orobridge inspect shows where its rows begin"}))
	}
	return row.Cells, row.Pos.String(), nil
}
