package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/cmd/orobridge/build"
	"github.com/orobridge/orobridge/cmd/orobridge/report"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

// reportEvents is how many of the last events a report holds.
const reportEvents = 300

func newReportCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "report [FILE]",
		Short: "Pack what others need to help you into one text file, without secrets",
		Long: "report writes versions, the config without its secrets and comments, what is wrong with it, the status, the files of the\n" +
			"state folder and the last events into one text file, and says what is in it. What can't be had is named there with the\n" +
			"reason. Nothing is sent anywhere. Names of files, keys and messages of rejects may stand in the events: read the\n" +
			"file before you give it away.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "orobridge-report-" + time.Now().UTC().Format("20060102T150405Z") + ".txt"
			if len(args) > 0 {
				name = args[0]
			}
			view := func() (*config.Config, error) { return config.View(a.configPath, kinds, a.env) }
			looks := func(title string, see func(to *show.Pen, desk *operate.View) error) report.Part {
				return report.Part{Title: title, Write: func(to *show.Pen) error {
					return a.beside(to).look(cmd.Context(), func(desk *operate.View) error { return see(to, desk) })
				}}
			}
			r := report.Report{Failed: func(to *show.Pen, err error) { a.beside(to).report(err) }, Parts: []report.Part{
				{Title: "version", Write: func(to *show.Pen) error { return to.PrintJSON(build.Read()) }},
				report.Config(a.configPath, kinds), report.Problems(view), report.State(view),
				looks("status", func(to *show.Pen, desk *operate.View) error {
					v, err := desk.Status(cmd.Context())
					if err != nil {
						return err
					}
					return to.PrintJSON(v)
				}),
				looks(fmt.Sprintf("the last %d events", reportEvents), func(to *show.Pen, desk *operate.View) error {
					return desk.Events(cmd.Context(), bridge.EventFilter{Last: reportEvents}, to.PrintEvent)
				}),
			}}
			return r.Write(name, &a.Pen)
		},
	}
}

// beside is the app that writes with another pen.
func (a *app) beside(pen *show.Pen) *app {
	return &app{Pen: *pen, env: a.env, configPath: a.configPath}
}
