package rehearsal

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/bridge/sftpd"
	"github.com/orobridge/orobridge/cmd/orobridge/erp"
)

// pace is how often the bridge looks in a rehearsal, and how long orders wait for others to share a file.
const pace = bridge.Duration(200 * time.Millisecond)

// Stage has doors in the place of all remotes, a box in that of each shop, and the ERP that comes to the doors. Its first fields are set
// once, before any method is called.
type Stage struct {
	Dir     string // of its own
	Address func(remote string) string
	Box     func() *orotest.Shop // makes one, where Client logs in with its Secret
	Client  string
	Secret  bridge.Secret
	Mishaps orotest.Trouble // of each box, from [Stage.Trouble] on

	boxes  map[string]*orotest.Shop  // by the shop's name
	doors  map[string]*sftpd.Options // by remote
	logins map[login]*erp.ERP
}

type login struct{ remote, user string }

func (s *Stage) key() string                { return filepath.Join(s.Dir, erp.KeyFile) }
func (s *Stage) hosts(remote string) string { return filepath.Join(s.Dir, remote+".hosts") }

// Set puts the doors and boxes into a config, and the state into the stage's folder, and makes the config look often; nothing else listens.
// A remote that is a door keeps its users with what they may do; they all log in by the stage's own key, which is made.
func (s *Stage) Set(c *config.Config) error {
	c.State.Dir, c.State.Postgres = filepath.Join(s.Dir, "var"), ""
	c.Admin, c.Webhook = nil, config.Webhook{}
	s.boxes = map[string]*orotest.Shop{}
	for _, shop := range c.Shops() {
		box := s.Box()
		s.boxes[shop.Name] = box
		if err := box.Start("127.0.0.1:0"); err != nil {
			return err
		}
		shop.URL, shop.APIPath, shop.TokenPath = box.URL(), "/admin/api", "/oauth2-token"
		shop.ClientID, shop.ClientSecret = s.Client, s.Secret
		shop.CAFile, shop.CertFile, shop.KeyFile = "", "", ""
	}
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

// Trouble begins the boxes' mishaps.
func (s *Stage) Trouble() {
	for _, box := range s.boxes {
		box.Trouble(s.Mishaps)
	}
}

// Leave logs the ERP out.
func (s *Stage) Leave() {
	for _, e := range s.logins {
		e.Close()
	}
}

// Close closes the boxes, and removes the folder. No bridge has them any more.
func (s *Stage) Close() error {
	var errs []error
	for _, box := range s.boxes {
		errs = append(errs, box.Close())
	}
	if s.Dir != "" {
		errs = append(errs, os.RemoveAll(s.Dir))
	}
	return errors.Join(errs...)
}
