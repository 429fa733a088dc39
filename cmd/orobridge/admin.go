package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/orobridge/orobridge/bridge/password"
)

func newAdminCommand(a *app) *cobra.Command {
	cmd := group(&cobra.Command{Use: "admin", Short: "Prepare who may log in"})
	var stdin bool
	passwd := &cobra.Command{
		Use:   "passwd",
		Short: "Print the hash of a password, for the config",
		Long: "passwd asks for a password, twice, and prints its argon2id hash: the password_hash of a user of the admin page, or what\n" +
			"stands in the password_hash_file of a partner. With --stdin the password is the first line of what is piped in.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			text, err := a.newPassword(stdin)
			if err != nil {
				return err
			}
			hash, err := password.Hash(text)
			if err != nil {
				return &usageError{err.Error(), "choose another password"}
			}
			fmt.Fprintln(a.Stdout, hash)
			return nil
		},
	}
	passwd.Flags().BoolVar(&stdin, "stdin", false, "read the password from standard input")
	cmd.AddCommand(passwd)
	return cmd
}

// newPassword reads a password: from a pipe as its first line, from a terminal twice and without showing it.
func (a *app) newPassword(stdin bool) (string, error) {
	if stdin {
		line, err := bufio.NewReader(io.LimitReader(a.stdin, password.MaxLength+2)).ReadString('\n')
		if err != nil && err != io.EOF {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	terminal, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(terminal.Fd())) {
		return "", &usageError{"standard input is no terminal", "pipe the password in with --stdin"}
	}
	ask := func(prompt string) (string, error) {
		fmt.Fprint(a.Stderr, prompt)
		text, err := term.ReadPassword(int(terminal.Fd()))
		fmt.Fprintln(a.Stderr)
		return string(text), err
	}
	first, err := ask("Password: ")
	if err != nil {
		return "", err
	}
	second, err := ask("Again: ")
	if err == nil && first != second {
		err = errors.New("the two passwords differ")
	}
	return first, err
}
