package config

import (
	"cmp"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/orobridge/orobridge/formats"
)

// maxConfig is the longest config in bytes.
const maxConfig = 4 << 20

// Load reads a config, checks it and fills in the defaults. kinds are what it may name; env looks an environment variable
// up (os.LookupEnv). Secrets are read, and so are the files of value lists; no network is touched. The error is a [Problems]
// that holds every problem there is.
func Load(path string, kinds Kinds, env func(string) (string, bool)) (*Config, error) {
	return loadConfig(path, kinds, env, false)
}

// View is [Load] without the secrets: for those who look at the ledger, and neither have the secrets nor need
// them. No end can be reached with such a config.
func View(path string, kinds Kinds, env func(string) (string, bool)) (*Config, error) {
	return loadConfig(path, kinds, env, true)
}

func loadConfig(path string, kinds Kinds, env func(string) (string, bool), blind bool) (*Config, error) {
	data, err := readLimited(path, maxConfig)
	if err != nil {
		return nil, Problems{{File: path, Message: "read: " + reason(err).Error(),
			Hint: "name the config with --config FILE, or write one with orobridge init"}}
	}
	return parseConfig(path, data, kinds, env, blind)
}

// Parse is [Load] for a config that was read already; relative paths in it are relative to path's folder.
func Parse(path string, data []byte, kinds Kinds, env func(string) (string, bool)) (*Config, error) {
	return parseConfig(path, data, kinds, env, false)
}

func parseConfig(path string, data []byte, kinds Kinds, env func(string) (string, bool), blind bool) (*Config, error) {
	c := &Config{Path: path}
	d := &decoder{file: path, resolve: c.resolve, env: env, kinds: kinds, blind: blind,
		lines: map[string]int{}, moved: map[string]bool{}, budget: maxNodes}
	if root := d.parse(data); root != nil {
		d.object("", d.entries("", d.migrate(root), 0), reflect.ValueOf(c).Elem(), nil)
		if d.budget < 0 {
			d.problem("", "write out what its aliases repeat", "the config is too large")
		} else {
			check := checker{d, c}
			check.config()
		}
	}
	d.problems.sort()
	d.warnings.sort()
	if len(d.problems) > 0 {
		return nil, d.problems
	}
	d.notes.sort()
	c.Warnings, c.Notes = d.warnings, d.notes
	c.Feeds = branched(c.Feeds)
	return c, nil
}

// opener opens the files of value lists; relative names are relative to the config's folder.
func (c *Config) opener(name string) (io.ReadCloser, error) { return os.Open(c.resolve(name)) }

// spread notes the problems that the options' own check found, each at its key, but for those of keys that have one.
func (d *decoder) spread(path string, err error) {
	d.at(path, "", err, func(where, hint, format string, args ...any) {
		if where == path || !d.failed(where) {
			d.problem(where, hint, format, args...)
		}
	})
}

// at walks down what errors.Join and formats.AtKey put together, and notes each error at its key.
func (d *decoder) at(where, hint string, err error, note func(where, hint, format string, args ...any)) {
	switch e := err.(type) {
	case nil:
	case *formats.OptionError:
		if e.Key != "" {
			where = d.form(join(where, e.Key))
		}
		d.at(where, cmp.Or(e.Hint, hint), e.Err, note)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			d.at(where, hint, inner, note)
		}
	default:
		note(where, hint, "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
}

// form is the key under which a secret was given.
func (d *decoder) form(path string) string {
	for _, form := range []string{path + "_file", path + "_env"} {
		if d.given(form) {
			return form
		}
	}
	return path
}
