// Command orobridge moves files of an ERP into an OroCommerce shop, and the shop's orders out as files.
//
// Each verb has a file of its own that builds its command in a function; registry.go is the one place that knows all
// adapters; the rest is wiring and printing. Data goes to stdout, talk to stderr. What a verb's error means for the exit
// code stands in exit.go.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // a container may have no time zones of its own

	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends the context: the unit of work is finished. From then on signals act as usual, so that the
	// second one stops the program at once; the ledger allows for that at any time.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the program: it does what args say and returns the exit code. ctx ends when the user wants it to stop.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return (&app{Pen: show.Pen{Stdout: stdout, Stderr: stderr}, stdin: stdin, env: os.LookupEnv}).run(ctx, args)
}

func (a *app) run(ctx context.Context, args []string) int {
	root := newRootCommand(a)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	a.report(err)
	return exitCode(err)
}
