package sftpd

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/password"
	"github.com/orobridge/orobridge/formats"
)

// Options are the config of a remote of kind server.
type Options struct {
	Listen           string          `yaml:"listen" jsonschema:"default=127.0.0.1:2222" doc:"address to listen on, host:port; 0.0.0.0:2222 for other machines"`
	Path             string          `yaml:"path" jsonschema:"required,format=path" doc:"folder of this machine that partners see, one folder below it for each"`
	Users            []User          `yaml:"users" doc:"partners that may log in"`
	HostKeys         []string        `yaml:"host_keys" jsonschema:"format=path" doc:"files of private host keys: the first of each type is the server's, further ones are made known to clients, so that keys can rotate; by default Ed25519, ECDSA and RSA keys that the first start makes"`
	CAFile           string          `yaml:"ca_file" jsonschema:"format=path" doc:"public keys of authorities, one a line: a user certificate of one of them that names the user as principal logs in"`
	LegacyAlgorithms bool            `yaml:"legacy_algorithms" doc:"also ssh-rsa, diffie-hellman-group14-sha1, hmac-sha1 and aes128-cbc, for partners that know nothing better; they are weak"`
	Stable           bridge.Duration `yaml:"stable" jsonschema:"default=2s" doc:"how long a file that was closed must lie untouched until it counts as whole; one that was renamed is whole at once"`
	Limits           Limits          `yaml:"limits" doc:"what strangers and partners may use"`
}

// User is a partner: a program of the ERP, a warehouse, a person with WinSCP.
type User struct {
	Name         string        `yaml:"name" jsonschema:"required" doc:"login name"`
	KeysFile     string        `yaml:"keys_file" jsonschema:"format=path" doc:"public keys that log in, one a line, as in OpenSSH's authorized_keys"`
	PasswordHash bridge.Secret `yaml:"password_hash" doc:"argon2id hash of the password, as orobridge admin passwd prints it; several, one a line, while it changes; usually password_hash_file"`
	Both         bool          `yaml:"both" doc:"ask for a key and for the password, one after the other; otherwise one of them is enough"`
	Folder       string        `yaml:"folder" doc:"folder below path that the user sees as /; by default the name; / is all of path"`
	Allow        []string      `yaml:"allow" doc:"networks to come from, such as 10.1.0.0/16; all by default"`
	Write        []string      `yaml:"write" doc:"globs of paths as the user sees them, /out/**: upload, rename, make folders"`
	Read         []string      `yaml:"read" doc:"globs of paths to download"`
	Delete       []string      `yaml:"delete" doc:"globs of paths to delete or rename away"`
	Quota        Quota         `yaml:"quota" doc:"what the user's folder may hold; without end by default"`
	Rate         bridge.Size   `yaml:"rate" doc:"bytes per second in each direction, such as 10MB; as fast as it goes by default"`
	Connections  int           `yaml:"connections" jsonschema:"default=10,minimum=1" doc:"at most so many at once"`
}

// Quota bounds a folder.
type Quota struct {
	Size  bridge.Size `yaml:"size" doc:"bytes in all, such as 20GB"`
	Files int         `yaml:"files" jsonschema:"minimum=0" doc:"number of files and folders"`
}

// Limits bound what all together, or each connection, may use.
type Limits struct {
	Connections      int             `yaml:"connections" jsonschema:"default=100,minimum=1" doc:"at most so many at once"`
	HandshakeTimeout bridge.Duration `yaml:"handshake_timeout" jsonschema:"default=60s" doc:"from connecting to being logged in"`
	IdleTimeout      bridge.Duration `yaml:"idle_timeout" jsonschema:"default=15m" doc:"without a request"`
	FileSize         bridge.Size     `yaml:"file_size" jsonschema:"default=10GB" doc:"of one upload"`
	Handles          int             `yaml:"handles" jsonschema:"default=128,minimum=1" doc:"open files and listings of one connection"`
	Listing          int             `yaml:"listing" jsonschema:"default=100000,minimum=1" doc:"entries of one folder that are listed"`
}

var (
	_ bridge.RemoteOptions = (*Options)(nil)
	_ bridge.Doubtful      = (*Options)(nil)
	_ bridge.Settling      = (*Options)(nil)
)

// Open implements [bridge.RemoteOptions].
func (o *Options) Open(s bridge.RemoteSetup) (bridge.Remote, error) { return New(o, s) }

// Settles implements [bridge.Settling]: rename, close and Stable say when a file is whole.
func (o *Options) Settles() {}

// filled returns the options with the defaults of what is not given, but for Stable, of which nothing is a choice.
func (o *Options) filled() *Options {
	all := *o
	all.Users = slices.Clone(o.Users)
	config.Defaults(&all)
	all.Stable = o.Stable
	for i := range all.Users {
		u := &all.Users[i]
		config.Defaults(u)
		u.Folder = cmp.Or(u.Folder, u.Name)
	}
	return &all
}

// Apart implements [bridge.Placed].
func (o *Options) Apart() (what, hint string) {
	what, hint = "a folder of their own", "let it be the same folder on all of them, such as a mount"
	if len(o.HostKeys) == 0 {
		what, hint = what+" and host keys of their own", hint+", and name the same host_keys"
	}
	return what, hint
}

// Check implements [bridge.RemoteOptions].
func (o *Options) Check() error {
	var all []error
	if _, _, err := net.SplitHostPort(o.Listen); o.Listen != "" && err != nil {
		all = append(all, &formats.OptionError{Key: "listen", Hint: "write host:port", Err: fmt.Errorf("%q is not an address", o.Listen)})
	}
	if o.Stable < 0 {
		all = append(all, formats.AtKey("stable", errors.New("is negative")))
	}
	seen := map[string]bool{}
	for i := range o.Users {
		u := &o.Users[i]
		err := u.check(o.CAFile != "")
		if seen[u.Name] {
			err = errors.Join(err, formats.AtKey("name", fmt.Errorf("%s stands there twice", u.Name)))
		}
		seen[u.Name] = true
		all = append(all, formats.AtKey("users", formats.AtKey(u.Name, err)))
	}
	return errors.Join(all...)
}

// Doubts implements [bridge.Doubtful].
func (o *Options) Doubts() error {
	var all []error
	if o.LegacyAlgorithms {
		all = append(all, &formats.OptionError{Key: "legacy_algorithms", Hint: "take it away as soon as no partner needs it",
			Err: errors.New("lets partners log in and transfer by algorithms that are broken or nearly so")})
	}
	if len(o.Users) == 0 {
		all = append(all, formats.AtKey("users", errors.New("nobody may log in")))
	}
	return errors.Join(all...)
}

// maxUserName is the longest login name.
const maxUserName = 64

func (u *User) check(certificates bool) error {
	var all []error
	add := func(key, hint, format string, args ...any) {
		all = append(all, &formats.OptionError{Key: key, Hint: hint, Err: fmt.Errorf(format, args...)})
	}
	if err := bridge.SafeName(u.Name); err != nil || len(u.Name) > maxUserName {
		add("name", "", "%q can't be a login name", u.Name)
	}
	switch {
	case u.KeysFile == "" && u.PasswordHash == "" && !certificates:
		add("", "write keys_file, or password_hash_file", "the user can't log in by anything")
	case u.Both && (u.KeysFile == "" && !certificates || u.PasswordHash == ""):
		add("both", "", "asks for keys_file and password_hash_file")
	}
	if _, err := bridge.SplitPath(u.Folder); err != nil {
		add("folder", "", "%q can't be used as a folder: %w", u.Folder, err)
	}
	if _, err := newRights(u); err != nil {
		all = append(all, err)
	}
	if len(u.Write)+len(u.Read)+len(u.Delete) == 0 {
		add("", "write: ['/out/**'], read: ['/in/**'], delete: ['/in/**'] is usual",
			"neither write, read nor delete is given: the user may do nothing")
	}
	if _, err := parseNetworks(u.Allow); err != nil {
		add("allow", "", "%w", err)
	}
	return errors.Join(all...)
}

// parseNetworks reads networks, and single addresses.
func parseNetworks(texts []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if a, aerr := netip.ParseAddr(text); err != nil && aerr == nil {
			p, err = a.Prefix(a.BitLen())
		}
		if err != nil {
			return nil, fmt.Errorf("%q is neither a network such as 10.1.0.0/16 nor an address", text)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

// account is a user with the files read.
type account struct {
	User
	rights   rights
	keys     map[string]bool // in wire form
	hash     string
	networks []netip.Prefix
	folder   string // below the remote's root, "." for all of it
}

// readAccount reads what the user logs in by.
func readAccount(u User) (*account, error) {
	a := &account{User: u, keys: map[string]bool{}, hash: strings.TrimSpace(u.PasswordHash.Reveal())}
	var err error
	if a.rights, err = newRights(&u); err != nil {
		return nil, err
	}
	if a.networks, err = parseNetworks(u.Allow); err != nil {
		return nil, err
	}
	elements, err := bridge.SplitPath(u.Folder)
	if err != nil {
		return nil, err
	}
	if a.folder = strings.Join(elements, "/"); a.folder == "" {
		a.folder = "."
	}
	if u.KeysFile != "" {
		keys, err := readKeys(u.KeysFile)
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			a.keys[string(k.Marshal())] = true
		}
	}
	if a.hash != "" {
		if err := password.Check(a.hash); err != nil {
			return nil, fmt.Errorf("password of %s: %w: orobridge admin passwd prints one", u.Name, err)
		}
	}
	return a, nil
}

// allowed says whether the user may come from an address.
func (a *account) allowed(from netip.Addr) bool {
	for _, n := range a.networks {
		if n.Contains(from.Unmap()) {
			return true
		}
	}
	return len(a.networks) == 0
}

// readKeys reads public keys, one a line; empty lines and comments count for nothing. Options before a key are refused:
// what they ask for would not be done.
func readKeys(file string) ([]ssh.PublicKey, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var keys []ssh.PublicKey
	for i, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err == nil && len(options) > 0 {
			err = fmt.Errorf("options such as %s are not known here: folder, allow and the rights of the config say what a user may", options[0])
		}
		if err == nil {
			err = checkKey(key)
		}
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", file, i+1, err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s has no key in it", file)
	}
	return keys, nil
}
