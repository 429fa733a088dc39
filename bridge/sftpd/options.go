package sftpd

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/password"
)

// Options are the config of a remote of kind server. Zero numbers mean their defaults, but for Stable, which
// [DefaultStable] is the default of.
type Options struct {
	Listen           string          `yaml:"listen" jsonschema:"default=127.0.0.1:2222" doc:"address to listen on, host:port; other machines reach 0.0.0.0:2222"`
	Path             string          `yaml:"path" jsonschema:"required" doc:"folder of this machine that partners see, one folder below it for each"`
	Users            []User          `yaml:"users" doc:"partners that may log in"`
	HostKeys         []string        `yaml:"host_keys" doc:"files of private host keys; the first of each type is the server's, further ones are only made known to clients, so that keys can rotate; by default Ed25519, ECDSA and RSA keys that are made at the first start"`
	CAFile           string          `yaml:"ca_file" doc:"public keys of authorities, one a line: a user certificate of one of them that names the user as principal logs in"`
	LegacyAlgorithms bool            `yaml:"legacy_algorithms" doc:"also ssh-rsa, diffie-hellman-group14-sha1, hmac-sha1-96 and aes128-cbc, for partners that know nothing better; they are weak"`
	Stable           bridge.Duration `yaml:"stable" jsonschema:"default=2s" doc:"how long a file that was closed must lie untouched until it counts as whole; one that was renamed is whole at once"`
	Limits           Limits          `yaml:"limits" doc:"what strangers and partners may use"`

	// Name is the remote's in the config.
	Name string `yaml:"-"`
	// State is the folder for host keys and for what must outlive the process. It is made.
	State string `yaml:"-"`
	// Folders are those that feeds and exports name: they are made, and partners can't take them away.
	Folders []string `yaml:"-"`
	// Observe is told what partners do, from many goroutines; it must not block for long. It may be nil.
	Observe func(Event) `yaml:"-"`
	// Log is for what is no partner's doing; it may be nil.
	Log *slog.Logger `yaml:"-"`
}

// DefaultStable is how long a file that was closed must lie untouched.
const DefaultStable = bridge.Duration(2 * time.Second)

// User is a partner: a program of the ERP, a warehouse, a person with WinSCP.
type User struct {
	Name             string   `yaml:"name" jsonschema:"required" doc:"login name"`
	KeysFile         string   `yaml:"keys_file" doc:"public keys that log in, one a line, as OpenSSH's authorized_keys"`
	PasswordHash     string   `yaml:"password_hash" doc:"argon2id hash of the password, as orobridge admin passwd prints it"`
	PasswordHashFile string   `yaml:"password_hash_file" doc:"file with the hash"`
	Both             bool     `yaml:"both" doc:"ask for a key and for the password, one after the other; otherwise one of them is enough"`
	Folder           string   `yaml:"folder" doc:"folder below path that the user sees as /; by default the name; / is all of path"`
	Allow            []string `yaml:"allow" doc:"networks to come from, such as 10.1.0.0/16; all by default"`
	Write            []string `yaml:"write" doc:"globs of paths as the user sees them, /out/**: upload, rename, make folders"`
	Read             []string `yaml:"read" doc:"globs of paths to download"`
	Delete           []string `yaml:"delete" doc:"globs of paths to delete or rename away"`
	Quota            Quota    `yaml:"quota" doc:"what the user's folder may hold"`
	Rate             Size     `yaml:"rate" doc:"bytes per second in each direction, such as 10MB; as fast as it goes by default"`
	Connections      int      `yaml:"connections" jsonschema:"default=10,minimum=1" doc:"at once"`
}

// Size is a number of bytes.
type Size = bridge.Size

// Quota bounds a folder.
type Quota struct {
	Size  Size `yaml:"size" doc:"bytes in all, such as 20GB"`
	Files int  `yaml:"files" doc:"number of files"`
}

// Limits bound what all together, or each connection, may use.
type Limits struct {
	Connections      int             `yaml:"connections" jsonschema:"default=100,minimum=1" doc:"at once"`
	HandshakeTimeout bridge.Duration `yaml:"handshake_timeout" jsonschema:"default=60s" doc:"from connecting to being logged in"`
	IdleTimeout      bridge.Duration `yaml:"idle_timeout" jsonschema:"default=15m" doc:"without a request"`
	FileSize         Size            `yaml:"file_size" jsonschema:"default=10GB" doc:"of one upload"`
	Handles          int             `yaml:"handles" jsonschema:"default=128,minimum=1" doc:"open files and listings of one connection"`
	Listing          int             `yaml:"listing" jsonschema:"default=100000,minimum=1" doc:"entries of one folder that are listed"`
}

// setDefaults fills in what is not given.
func (o *Options) setDefaults() {
	set(&o.Listen, "127.0.0.1:2222")
	set(&o.Limits.Connections, 100)
	set(&o.Limits.HandshakeTimeout, bridge.Duration(time.Minute))
	set(&o.Limits.IdleTimeout, bridge.Duration(15*time.Minute))
	set(&o.Limits.FileSize, 10e9)
	set(&o.Limits.Handles, 128)
	set(&o.Limits.Listing, 100_000)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	for i := range o.Users {
		set(&o.Users[i].Folder, o.Users[i].Name)
		set(&o.Users[i].Connections, 10)
	}
}

func set[T comparable](into *T, value T) {
	var zero T
	if *into == zero {
		*into = value
	}
}

// Check reports options that make no sense, all of them at once, each beginning with its key. It reads no files.
func (o *Options) Check() error {
	var problems []error
	problem := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if _, _, err := net.SplitHostPort(o.Listen); o.Listen != "" && err != nil {
		problem("listen: %q is not host:port", o.Listen)
	}
	if o.Path == "" {
		problem("path: is missing: the folder that partners see")
	}
	seen := map[string]bool{}
	for i := range o.Users {
		u := &o.Users[i]
		if seen[u.Name] {
			problem("users: %s stands there twice", u.Name)
		}
		seen[u.Name] = true
		if err := u.check(o.CAFile != ""); err != nil {
			problem("users: %s: %w", u.Name, err)
		}
	}
	return errors.Join(problems...)
}

// maxUserName is the longest login name.
const maxUserName = 64

func (u *User) check(certificates bool) error {
	var problems []error
	problem := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if err := bridge.SafeName(u.Name); err != nil || len(u.Name) > maxUserName {
		problem("name: %q can't be a login name", u.Name)
	}
	hashed := u.PasswordHash != "" || u.PasswordHashFile != ""
	switch {
	case u.PasswordHash != "" && u.PasswordHashFile != "":
		problem("password_hash and password_hash_file: one of them is enough")
	case u.KeysFile == "" && !hashed && !certificates:
		problem("keys_file, password_hash_file: the user can't log in by anything")
	case u.Both && (u.KeysFile == "" && !certificates || !hashed):
		problem("both: asks for keys_file and password_hash_file")
	}
	if _, err := bridge.SplitPath(u.Folder); err != nil {
		problem("folder: %w", err)
	}
	if _, err := newRights(u); err != nil {
		problems = append(problems, err)
	}
	if len(u.Write)+len(u.Read)+len(u.Delete) == 0 {
		problem("write, read, delete: none is given, so the user may do nothing")
	}
	if _, err := parseNetworks(u.Allow); err != nil {
		problem("allow: %w", err)
	}
	return errors.Join(problems...)
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
	a := &account{User: u, keys: map[string]bool{}, hash: strings.TrimSpace(u.PasswordHash)}
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
	if u.PasswordHashFile != "" {
		text, err := os.ReadFile(u.PasswordHashFile)
		if err != nil {
			return nil, err
		}
		a.hash = strings.TrimSpace(string(text))
	}
	if a.hash != "" || u.PasswordHashFile != "" {
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
