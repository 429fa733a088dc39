package bridge

import (
	"regexp"
	"time"

	"github.com/orobridge/orobridge/formats"
)

// Config is orobridge.yaml, checked and with its defaults filled in. The yaml tags are the contract with users.
type Config struct {
	State   StateConfig              `yaml:"state"`
	Oro     OroConfig                `yaml:"oro"`
	Remotes map[string]*RemoteConfig `yaml:"remotes"`
	Feeds   []*FeedConfig            `yaml:"feeds"`
	Exports []*ExportConfig          `yaml:"exports"`
	Admin   AdminConfig              `yaml:"admin"`
}

// StateConfig says where the ledger, the spool and the lock are.
type StateConfig struct {
	Dir         string   `yaml:"dir"`          // default ./var
	KeepArchive Duration `yaml:"keep_archive"` // how long archives, spooled bytes and row details are kept; default 90d
}

// OroConfig is the shop.
type OroConfig struct {
	URL          string   `yaml:"url"`
	APIPath      string   `yaml:"api_path"`   // default /admin/api
	TokenPath    string   `yaml:"token_path"` // default /oauth2-token
	ClientID     string   `yaml:"client_id"`
	ClientSecret Secret   `yaml:"client_secret"` // also client_secret_file, client_secret_env
	InFlight     int      `yaml:"in_flight"`     // batches at once, default 4
	Batch        int      `yaml:"batch"`         // records per batch, default 500
	Timeout      Duration `yaml:"timeout"`       // of one request, default 60s
	Settle       Duration `yaml:"settle"`        // how long an operation may take, default 30m
}

// RemoteConfig is a place with files.
type RemoteConfig struct {
	Name string `yaml:"-"`
	Kind string `yaml:"kind"` // sftp | dir

	Path string `yaml:"path"` // dir: the folder; sftp: root below which feeds' folders stand, default /

	Address        string   `yaml:"address"` // host:port
	User           string   `yaml:"user"`
	Password       Secret   `yaml:"password"`
	PrivateKey     Secret   `yaml:"private_key"` // PEM or OpenSSH text; usually private_key_file
	Passphrase     Secret   `yaml:"passphrase"`
	KnownHostsFile string   `yaml:"known_hosts_file"`
	Connections    int      `yaml:"connections"`     // at most so many at once, default 2
	ConnectTimeout Duration `yaml:"connect_timeout"` // TCP and handshake each, default 15s
	ReadTimeout    Duration `yaml:"read_timeout"`    // without a byte from the server, default 60s
	KeepAlive      Duration `yaml:"keep_alive"`      // default 30s
	ReadOnly       bool     `yaml:"read_only"`       // claim in the ledger alone, move nothing
	Overwrites     bool     `yaml:"-"`
}

// FeedConfig is one inbound stream.
type FeedConfig struct {
	Name    string          `yaml:"name"`
	Entity  *formats.Entity `yaml:"-"`
	Remote  string          `yaml:"remote"`
	Folder  string          `yaml:"folder"`
	Match   Pattern         `yaml:"match"` // glob, or a regular expression between slashes with groups date and seq
	Ignore  []string        `yaml:"ignore"`
	Every   Duration        `yaml:"every"` // default 30s
	Ready   ReadyConfig     `yaml:"ready"`
	Mode    string          `yaml:"mode"`       // delta (default) | full
	Missing string          `yaml:"on_missing"` // full: keep | disable | delete | zero
	Format  formats.Format  `yaml:"-"`          // decoded by its kind
	Mapping formats.Mapping `yaml:",inline"`    // columns, values, constants, defaults
	Guards  GuardConfig     `yaml:"guards"`
	Folders FoldersConfig   `yaml:"folders"`

	Repeats   string    `yaml:"repeats"`    // keys that repeat in a file: last (default) | first | reject
	Gap       GapConfig `yaml:"gap"`        // a missing seq: hold | warn | skip after T
	OnFailure string    `yaml:"on_failure"` // block (default for full) | continue
	ParkFor   Duration  `yaml:"park_for"`   // default 72h
	MaxSize   Size      `yaml:"max_size"`   // default 10GB; larger: rejected
	Empty     string    `yaml:"empty"`      // archive (default) | reject | hold
	Receipts  []string  `yaml:"receipts"`   // json, csv; none by default
}

// ReadyConfig says when a file is whole.
type ReadyConfig struct {
	Stable   Duration `yaml:"stable"` // same size and time in all listings for so long; default 20s without a marker
	Marker   string   `yaml:"marker"` // suffix: products.csv + .ok
	Manifest string   `yaml:"manifest"`
}

// GuardConfig holds a drop whose plan looks wrong. A limit is a number or a share.
type GuardConfig struct {
	MaxRejects     *Limit            `yaml:"max_rejects"`
	MaxShrink      *Limit            `yaml:"max_shrink"`
	MaxRemovals    *Limit            `yaml:"max_removals"`
	MinRows        int64             `yaml:"min_rows"`
	MaxPriceChange *PriceChangeLimit `yaml:"max_price_change"`
}

// PriceChangeLimit holds a drop when more than Share of its prices move by more than By.
type PriceChangeLimit struct {
	By    Limit `yaml:"by"`
	Share Limit `yaml:"share"`
}

// FoldersConfig names the folders of a feed, relative to Folder.
type FoldersConfig struct {
	Work     string `yaml:"work"`     // default .work
	Archive  string `yaml:"archive"`  // default archive
	Rejected string `yaml:"rejected"` // default rejected
	Receipts string `yaml:"receipts"` // default receipts
}

// GapConfig says what to do when a sequence number is missing.
type GapConfig struct {
	Then  string   `yaml:"then"`  // hold | warn | skip
	After Duration `yaml:"after"` // skip after
}

// ExportConfig is one outbound stream.
type ExportConfig struct {
	Name         string              `yaml:"name"`
	Entity       string              `yaml:"entity"` // orders
	Remote       string              `yaml:"remote"`
	Folder       string              `yaml:"folder"`
	Every        Duration            `yaml:"every"`   // default 5s
	Overlap      Duration            `yaml:"overlap"` // default 10m
	Since        string              `yaml:"since"`   // now (default) | all | RFC 3339 time
	File         string              `yaml:"file"`    // {submitted} {number} {identifier} {id} {website}
	Format       formats.OrderFormat `yaml:"-"`
	Only         OnlyConfig          `yaml:"only"`
	Marker       string              `yaml:"marker"` // suffix of an empty file written after it
	PickupWithin Duration            `yaml:"pickup_within"`
	AnswerWithin Duration            `yaml:"answer_within"`
}

// OnlyConfig is the filter of an export. An empty list lets everything pass.
type OnlyConfig struct {
	InternalStatus []string `yaml:"internal_status"`
	Status         []string `yaml:"status"`
	Website        []string `yaml:"website"`
	CustomerGroup  []string `yaml:"customer_group"`
	Currency       []string `yaml:"currency"`
}

// AdminConfig is the local web side.
type AdminConfig struct {
	Listen        string `yaml:"listen"` // default 127.0.0.1:8085
	WebhookSecret Secret `yaml:"webhook_secret"`
}

// Secret is a text that never prints. In the config it has three forms: x, x_file and x_env.
type Secret string

// String hides the secret.
func (Secret) String() string { return "<secret>" }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return "<secret>" }

// MarshalText hides the secret from JSON, YAML and slog.
func (Secret) MarshalText() ([]byte, error) { return []byte("<secret>"), nil }

// Reveal is the secret itself, for the one place that sends it.
func (s Secret) Reveal() string { return string(s) }

// Duration is a time span in a config: 30s, 20m, 24h, 90d.
type Duration time.Duration

// D is the span as the standard library has it.
func (d Duration) D() time.Duration { return time.Duration(d) }

// Size is a number of bytes in a config: 500MB, 10GB.
type Size int64

// Limit is a number or a share: 100, 5%.
type Limit struct {
	Number  int64
	Percent float64 // used when IsShare
	IsShare bool
}

// Pattern matches base names: a glob (products_*.csv), or a regular expression between slashes whose groups named
// date and seq order the drops.
type Pattern struct {
	Text string
	re   *regexp.Regexp
}
