package rehearsal

import (
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/sftpd"
	"github.com/orobridge/orobridge/cmd/orobridge/erp"
)

// pace is how often the bridge looks in a rehearsal, and how long orders wait for others to share a file.
const pace = bridge.Duration(200 * time.Millisecond)

// Stage has doors in the place of all remotes, and the ERP that comes to them. Its first fields are set once, before any method
// is called.
type Stage struct {
	Dir     string // of its own
	Address func(remote string) string

	doors  map[string]*sftpd.Options // by remote
	logins map[login]*erp.ERP
}

type login struct{ remote, user string }

func (s *Stage) key() string                { return filepath.Join(s.Dir, erp.KeyFile) }
func (s *Stage) hosts(remote string) string { return filepath.Join(s.Dir, remote+".hosts") }

// Set puts the doors into a config, and makes it look often. A remote that is a door keeps its users with what they may do; they
// all log in by the stage's own key, which is made.
func (s *Stage) Set(c *config.Config) error {
	all := []string{"/**"}
	s.doors, s.logins = map[string]*sftpd.Options{}, map[login]*erp.ERP{}
	for name, remote := range c.Remotes {
		door := &sftpd.Options{Users: []sftpd.User{{Name: erp.User, Folder: "/", Write: all, Read: all, Delete: all}}}
		if own, ok := remote.Options.(*sftpd.Options); ok {
			door = &sftpd.Options{Users: slices.Clone(own.Users), Limits: own.Limits}
		}
		door.Listen, door.Path = "127.0.0.1:0", filepath.Join(s.Dir, "remotes", name)
		for i := range door.Users {
			u := &door.Users[i]
			u.KeysFile, u.PasswordHash, u.Both, u.Allow = s.key()+".pub", "", false, nil
		}
		remote.Kind, remote.Options, s.doors[name] = "server", door, door
	}
	for _, f := range c.Feeds {
		f.Every, f.Ready.Stable, f.Ready.ManifestStable = pace, 0, 0
	}
	for _, x := range c.Exports {
		x.Every = pace
		if x.Since == "now" { // orders may be submitted before its first round
			x.Since = time.Now().UTC().Format(time.RFC3339)
		}
		if x.Collect.Orders > 0 {
			x.Collect.Within = pace
		}
	}
	return erp.MakeKey(s.key())
}

// Pin notes by which keys the ERP knows a door, as in OpenSSH's known_hosts.
func (s *Stage) Pin(remote, known string) error {
	return os.WriteFile(s.hosts(remote), []byte(known), 0o600)
}

// writer is the ERP as it logs in to put a file at a path, with the path as it is seen there; nil when nobody may.
func (s *Stage) writer(remote, path string) (*erp.ERP, string, error) {
	return s.enter(remote, path, (*sftpd.Options).Writer)
}

// taker is the ERP as it logs in to read a file and take it away.
func (s *Stage) taker(remote, path string) (*erp.ERP, string, error) {
	return s.enter(remote, path, (*sftpd.Options).Taker)
}

func (s *Stage) enter(remote, path string, who func(*sftpd.Options, string) (string, string, bool)) (*erp.ERP, string, error) {
	user, seen, ok := who(s.doors[remote], path)
	if !ok {
		return nil, "", nil
	}
	at := login{remote, user}
	if s.logins[at] == nil {
		e, err := erp.Dial(s.Address(remote), user, s.key(), s.hosts(remote))
		if err != nil {
			return nil, "", err
		}
		s.logins[at] = e
	}
	return s.logins[at], seen, nil
}

// Leave logs the ERP out.
func (s *Stage) Leave() {
	for _, e := range s.logins {
		e.Close()
	}
}
