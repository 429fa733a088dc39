package config_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/dir"
	"github.com/orobridge/orobridge/bridge/sftp"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/csv"
)

var update = flag.Bool("update", false, "write the expected texts anew")

var kinds = config.Kinds{
	Remotes: map[string]func() bridge.RemoteOptions{
		"dir":  func() bridge.RemoteOptions { return &dir.Options{} },
		"sftp": func() bridge.RemoteOptions { return &sftp.Options{} },
	},
	Formats: map[string]func() formats.Format{"csv": func() formats.Format { return &csv.Options{} }},
	Orders:  map[string]func() formats.OrderFormat{"csv": func() formats.OrderFormat { return &csv.OrderOptions{} }},
}

func testEnv(name string) (string, bool) {
	v, ok := map[string]string{"ORO_CLIENT_SECRET": "hush", "ORO_WEBHOOK_SECRET": quiet, "SFTP_PASSWORD": "sesame", "SEVEN": "7", "EMPTY": ""}[name]
	return v, ok
}

// fixtures copies testdata/config, readable by its owner only, makes the copy the working folder and returns where the
// original is.
func fixtures(t testing.TB) string {
	t.Helper()
	origin, err := filepath.Abs("testdata/config")
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(origin)
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(origin, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(work, f.Name()), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(work)
	return origin
}

// TestConfigFixtures loads each fixture; beside it stands what is said about it.
func TestConfigFixtures(t *testing.T) {
	origin := fixtures(t)
	names, err := filepath.Glob("*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatal("no fixtures", err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			c, err := config.Load(name, kinds, testEnv)
			said, good := config.Problems(nil), strings.HasSuffix(name, ".good.yaml")
			switch {
			case err == nil:
				said = c.Warnings
			case !errors.As(err, &said):
				t.Fatalf("the error is a %T", err)
			}
			if good != (err == nil) {
				t.Errorf("good: %v, but: %v", good, err)
			}
			golden(t, filepath.Join(origin, strings.TrimSuffix(name, ".yaml")+".txt"), text(said))
		})
	}
}

func text(problems config.Problems) string {
	var b strings.Builder
	for _, p := range problems {
		fmt.Fprintln(&b, p)
		if p.Hint != "" {
			fmt.Fprintln(&b, "    "+p.Hint)
		}
	}
	return b.String()
}

// golden compares with a file; no file stands for nothing.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if got == "" {
			return
		}
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got), -update accepts it:\n%s", name, diff)
	}
}

func load(t *testing.T, name string) *config.Config {
	t.Helper()
	c, err := config.Load(name, kinds, testEnv)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The example of the design, with what it says and with the defaults.
func TestConfigDesign(t *testing.T) {
	fixtures(t)
	c := load(t, "design.good.yaml")
	f, e := c.Feeds[0], c.Exports[0]
	sap := c.Remotes["sap"].Options.(*sftp.Options)
	type m = map[string]any
	got := m{
		"state": c.State, "api": c.Oro.APIPath, "in_flight": c.Oro.InFlight, "timeout": c.Oro.Timeout, "settle": c.Oro.Settle,
		"secret": c.Oro.ClientSecret.Reveal(), "webhook": c.Webhook.Secret.Reveal(),
		"key": sap.PrivateKey.Reveal(), "name": c.Remotes["sap"].Name, "hosts": sap.KnownHostsFile,
		"connections": sap.Connections, "dir": c.Remotes["disk"].Options.(*dir.Options).Path,
		"entity": f.Entity.Name, "match": f.Match.Text, "ready": f.Ready, "folders": f.Folders, "mode": f.Mode, "missing": f.Missing,
		"failure": f.OnFailure, "repeats": f.Repeats, "park": f.ParkFor, "size": f.MaxSize, "empty": f.Empty,
		"columns": f.Mapping.Columns, "values": f.Mapping.Values, "rejects": *f.Guards.MaxRejects, "removals": *f.Guards.MaxRemovals,
		"format": *f.Format.(*csv.Options),
		"orders": e.Entity, "since": e.Since, "every": e.Every, "overlap": e.Overlap, "file": e.File, "only": e.Only.InternalStatus,
	}
	hours := func(n int) bridge.Duration { return bridge.Duration(time.Duration(n) * time.Hour) }
	seconds := func(n int) bridge.Duration { return bridge.Duration(time.Duration(n) * time.Second) }
	want := m{
		"state": config.State{Dir: "var", Keep: config.Keep{Rows: hours(24 * 90), Orders: hours(24 * 365 * 10), Refused: hours(24 * 30)},
			Backup: config.Backup{Keep: 24, To: config.BackupPlace{Folder: "backups"}}}, "api": "/admin/api", "in_flight": 4, "timeout": seconds(60), "settle": seconds(1800),
		"secret": "hush", "webhook": quiet,
		"key": "not a real key, only a file", "name": "sap", "hosts": "known_hosts",
		"connections": 2, "dir": "/srv/drops",
		"entity": "products", "match": "products_*.csv", "ready": config.Ready{Stable: seconds(20), Marker: ".ok"},
		"folders": config.Folders{Work: ".work", Archive: "archive", Rejected: "rejected", Receipts: "receipts"}, "mode": "delta", "missing": "keep",
		"failure": "continue", "repeats": "last", "park": hours(72), "size": bridge.Size(10_000_000_000), "empty": "archive",
		"columns": map[string]string{"MATNR": "sku", "MAKTX": "name", "MEINS": "unit"}, "values": map[string]map[string]string{"unit": {"ST": "item", "KAR": "set"}},
		"rejects": config.Limit{Percent: 5, IsShare: true}, "removals": config.Limit{Number: 100},
		"format": csv.Options{Delimiter: ";", Encoding: "iso-8859-1", Numbers: formats.Conventions{Decimal: ","}},
		"orders": "orders", "since": "now", "every": seconds(5), "overlap": seconds(600), "file": "ORD_{submitted}_{number}_{identifier}.csv", "only": []string{"open"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(csv.Options{})); diff != "" {
		t.Error(diff)
	}
}

func TestConfigAnchors(t *testing.T) {
	fixtures(t)
	c := load(t, "anchors.good.yaml")
	if got := c.Oro.ClientSecret.Reveal(); got != "a$b" {
		t.Errorf("secret %q", got)
	}
	f := c.Feeds[1]
	if f.Name != "prices" || f.Every.D() != time.Minute || f.Gap.After.D() != 2*time.Hour {
		t.Errorf("merged feed: %+v", f)
	}
	if o := f.Format.(*csv.Options); o.Delimiter != ";" || o.Numbers.Decimal != "," {
		t.Errorf("merged format: %+v", o)
	}
	want := map[string]string{"ST": "item", "NO": "each", "010": "set"}
	if diff := cmp.Diff(want, f.Mapping.Values["unit"]); diff != "" {
		t.Error(diff)
	}
}

// The keys of earlier releases work: what they said is found in the new places, and nowhere else.
func TestConfigMigrated(t *testing.T) {
	fixtures(t)
	c := load(t, "migrated.good.yaml")
	type m = map[string]any
	day := bridge.Duration(24 * time.Hour)
	want := m{"keep": config.Keep{Rows: 30 * day, Orders: 3650 * day, Refused: 30 * day}, "admin": (*config.Admin)(nil),
		"listen": "127.0.0.1:9000", "url": "https://bridge.example.com/webhook", "secret": quiet}
	got := m{"keep": c.State.Keep, "admin": c.Admin, "listen": c.Webhook.Listen, "url": c.Webhook.URL, "secret": c.Webhook.Secret.Reveal()}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if c := load(t, "every_key.good.yaml"); c.Webhook.Listen != "[::1]:8086" {
		t.Errorf("a webhook that says where it listens listens at %s", c.Webhook.Listen)
	}
	if c := load(t, "design.good.yaml"); c.Webhook.Listen != "127.0.0.1:8086" {
		t.Errorf("a webhook that does not listens at %s", c.Webhook.Listen)
	}
}

func TestConfigWorldReadableSecret(t *testing.T) {
	fixtures(t)
	if err := os.Chmod("id_ed25519", 0o644); err != nil {
		t.Fatal(err)
	}
	want := "design.good.yaml:11: remotes.sap.private_key_file: everybody on this machine can read id_ed25519\n    chmod 600 id_ed25519\n"
	if got := text(load(t, "design.good.yaml").Warnings); got != want {
		t.Errorf("got %q", got)
	}
}

// A secret must not show, however a config is printed.
func TestConfigHidesSecrets(t *testing.T) {
	fixtures(t)
	c := load(t, "design.good.yaml")
	for _, form := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if s := fmt.Sprintf(form, c.Oro); strings.Contains(s, "hush") {
			t.Errorf("%s prints it: %s", form, s)
		}
	}
}

func TestConfigNotThere(t *testing.T) {
	_, err := config.Load("/no/such/orobridge.yaml", kinds, testEnv)
	var said config.Problems
	if !errors.As(err, &said) || len(said) != 1 || said[0].Line != 0 || said[0].Hint == "" {
		t.Errorf("%#v", err)
	}
}

func TestPattern(t *testing.T) {
	for _, tc := range []struct {
		pattern, name, date, seq string
		ok                       bool
	}{
		{"products_*.csv", "products_1.csv", "", "", true},
		{"products_*.csv", "products_1.csv.ok", "", "", false},
		{"products_*.csv", "old_products_1.csv", "", "", false},
		{"products_*.csv", "products_\n.csv", "", "", true},
		{"a?.[ct]sv", "aä.tsv", "", "", true},
		{`/prices_(?P<date>\d{8})_(?P<seq>\d+)\.csv/`, "prices_20260131_7.csv", "20260131", "7", true},
		{`/prices_(?P<date>\d{8})_(?P<seq>\d+)\.csv/`, "xprices_20260131_7.csv", "", "", false},
		{`/prices_(?P<date>\d{8})_(?P<seq>\d+)\.csv/`, "prices_20260131_7.csv\n", "", "", false},
		{`/a|b/`, "ab", "", "", false},
		{`/a(-(?P<seq>\d+))?/`, "a", "", "", true},
	} {
		var p config.Pattern
		if err := p.UnmarshalText([]byte(tc.pattern)); err != nil {
			t.Fatal(err)
		}
		if date, seq, ok := p.Match(tc.name); date != tc.date || seq != tc.seq || ok != tc.ok {
			t.Errorf("%s on %q: %q %q %v", tc.pattern, tc.name, date, seq, ok)
		}
	}
	if _, _, ok := (config.Pattern{}).Match(""); ok {
		t.Error("the zero pattern matches")
	}
}

func TestValues(t *testing.T) {
	for text, want := range map[string]time.Duration{"30s": 30 * time.Second, "1h30m": 90 * time.Minute, "90d": 90 * 24 * time.Hour, "10y": 3650 * 24 * time.Hour, "1.5h": 90 * time.Minute, "250ms": 250 * time.Millisecond, "0s": 0} {
		var d bridge.Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || d.D() != want {
			t.Errorf("%s: %v %v", text, d, err)
		}
	}
	for d, want := range map[time.Duration]string{0: "0s", 30 * time.Second: "30s", 30 * time.Minute: "30m", 72 * time.Hour: "72h", 90 * time.Minute: "1h30m", 90 * 24 * time.Hour: "90d", 730 * 24 * time.Hour: "2y", 10 * time.Minute: "10m"} {
		if got := bridge.Duration(d).String(); got != want {
			t.Errorf("%v: %s", d, got)
		}
	}
	for text, want := range map[string]int64{"500MB": 5e8, "10GB": 1e10, "64KiB": 65536, "1.5 GB": 15e8, "7B": 7} {
		var s bridge.Size
		if err := s.UnmarshalText([]byte(text)); err != nil || int64(s) != want {
			t.Errorf("%s: %v %v", text, s, err)
		}
	}
	for text, want := range map[string]config.Limit{"100": {Number: 100}, "5%": {Percent: 5, IsShare: true}, "0.5 %": {Percent: 0.5, IsShare: true}} {
		var l config.Limit
		if err := l.UnmarshalText([]byte(text)); err != nil || l != want {
			t.Errorf("%s: %v %v", text, l, err)
		}
	}
	for _, text := range []string{"0640", "640", "0o640"} {
		var m bridge.FileMode
		if err := m.UnmarshalText([]byte(text)); err != nil || m != 0o640 || m.String() != "0640" {
			t.Errorf("%s: %v %v", text, m, err)
		}
	}
	for text, into := range map[string]interface{ UnmarshalText([]byte) error }{
		"": new(bridge.Duration), "30": new(bridge.Duration), "s": new(bridge.Duration), "-1s": new(bridge.Duration), "1e9s": new(bridge.Duration), "1s 2": new(bridge.Duration), ".s": new(bridge.Duration),
		"10": new(bridge.Size), "GB": new(bridge.Size), "9999999999TB": new(bridge.Size),
		"0440": new(bridge.FileMode), "0888": new(bridge.FileMode), "01777": new(bridge.FileMode), "rw-r-----": new(bridge.FileMode),
		"%": new(config.Limit), "five": new(config.Limit), "1.5": new(config.Limit), "NaN%": new(config.Limit), "Inf%": new(config.Limit),
		"hold on": new(config.Gap), "skip": new(config.Gap), "skip after": new(config.Gap), "skip after lunch": new(config.Gap),
	} {
		if err := into.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q makes a %T: %v", text, into, into)
		}
	}
}

// FuzzConfig: no bytes make the loader panic or say nothing, and what loads names no problem.
func FuzzConfig(f *testing.F) {
	names, err := filepath.Glob("testdata/config/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		if len(data) < 4096 {
			f.Add(data)
		}
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		began := time.Now()
		defer func() {
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
		}()
		c, err := config.Parse(filepath.Join(dir, "orobridge.yaml"), data, kinds, testEnv)
		var said config.Problems
		if (c == nil) == (err == nil) || err != nil && (!errors.As(err, &said) || len(said) == 0) {
			t.Fatalf("config %v, error %v", c, err)
		}
	})
}

// quiet is a webhook secret of the least length.
const quiet = "quiet quiet quiet quiet quiet 12"
