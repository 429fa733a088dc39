package sftp

import (
	"errors"
	"fmt"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// Options are the config of a remote of kind sftp.
type Options struct {
	Address          string          `yaml:"address" jsonschema:"required" doc:"host, or host:port"`
	User             string          `yaml:"user" jsonschema:"required" doc:"user name"`
	Path             string          `yaml:"path" doc:"folder below which the feeds' folders stand, / by default"`
	Password         bridge.Secret   `yaml:"password" doc:"password, also for keyboard-interactive; while it changes two, one a line: the second is offered when the first is refused"`
	PrivateKey       bridge.Secret   `yaml:"private_key" doc:"private key in PEM or OpenSSH form; usually private_key_file"`
	Passphrase       bridge.Secret   `yaml:"passphrase" doc:"passphrase of the private key"`
	CertificateFile  string          `yaml:"certificate_file" jsonschema:"format=path" doc:"certificate of the private key, as ssh-keygen -s writes it; read for each login"`
	Agent            string          `yaml:"agent" doc:"socket of an SSH agent that holds the key, usually ${SSH_AUTH_SOCK}"`
	KnownHostsFile   string          `yaml:"known_hosts_file" jsonschema:"required,format=path" doc:"file with the server's pinned host keys, as OpenSSH writes it; orobridge check prints the line to put into it"`
	Connections      int             `yaml:"connections" jsonschema:"default=2,minimum=1,maximum=64" doc:"at most so many at once"`
	ConnectTimeout   bridge.Duration `yaml:"connect_timeout" jsonschema:"default=15s" doc:"for connecting and for the handshake, each"`
	ReadTimeout      bridge.Duration `yaml:"read_timeout" jsonschema:"default=60s" doc:"without a byte from the server"`
	KeepAlive        bridge.Duration `yaml:"keep_alive" jsonschema:"default=30s" doc:"between signs of life"`
	LegacyAlgorithms []string        `yaml:"legacy_algorithms" doc:"broken algorithms that are used all the same because the server knows no better: ssh-rsa, diffie-hellman-group14-sha1, aes128-cbc, …"`
	Mode             bridge.FileMode `yaml:"mode" doc:"permissions of the files that the bridge writes, such as 0640; what the server gives them by default"`
}

var (
	_ bridge.RemoteOptions = (*Options)(nil)
	_ bridge.Doubtful      = (*Options)(nil)
)

// Open implements [bridge.RemoteOptions].
func (o *Options) Open(s bridge.RemoteSetup) (bridge.Remote, error) {
	return New(s.Name, o, WithIdentity(s.Identity))
}

// Check implements [bridge.RemoteOptions].
func (o *Options) Check() error {
	var all []error
	add := func(key, hint, format string, args ...any) {
		all = append(all, &formats.OptionError{Key: key, Hint: hint, Err: fmt.Errorf(format, args...)})
	}
	if strings.ContainsAny(o.Address, "/@ ") {
		add("address", "write host:port; the user stands in user", "%q is not an address", o.Address)
	}
	if _, err := bridge.SplitPath(o.Path); err != nil {
		add("path", "", "%q can't be used as a folder: %w", o.Path, err)
	}
	if o.PrivateKey == "" && o.Password == "" && o.Agent == "" {
		add("", "write private_key_file, password_env, or agent", "neither a private key nor a password nor an agent is given")
	}
	if o.PrivateKey == "" && o.CertificateFile != "" {
		add("certificate_file", "add private_key_file, or remove certificate_file", "is given without a private key")
	}
	if _, err := algorithms(o.LegacyAlgorithms); err != nil {
		add("legacy_algorithms", "", "%w", err)
	}
	if o.PrivateKey == "" && o.Passphrase != "" {
		add("passphrase", "add private_key_file, or remove passphrase", "is given without a private key")
	}
	if o.Connections < 1 {
		add("connections", "", "must be at least 1")
	}
	for _, d := range []struct {
		key string
		bridge.Duration
	}{{"connect_timeout", o.ConnectTimeout}, {"read_timeout", o.ReadTimeout}} {
		if d.Duration <= 0 {
			add(d.key, "", "must be longer than nothing")
		}
	}
	return errors.Join(all...)
}

// Doubts implements [bridge.Doubtful].
func (o *Options) Doubts() error {
	if len(o.LegacyAlgorithms) == 0 {
		return nil
	}
	return &formats.OptionError{Key: "legacy_algorithms", Hint: "have the server renewed",
		Err: errors.New("whoever stands between may read or change what is transferred")}
}
