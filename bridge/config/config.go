// Package config is orobridge.yaml: what may stand in it, how it is read, and what is wrong with it.
//
// The structs of config.go are the only source of its keys, defaults and docs; the options of what comes in kinds (remotes,
// formats) stand with the adapters and come in by [Kinds]. [Load] decodes and checks a file and names all of its problems at
// once, each with its line and what to do; [Schema] describes it for editors; migrate.go keeps the keys of earlier releases
// working. A new key is a field with its tags, a check where its type can't say what is right, and a line in the test's
// fixtures. A new kind is nothing here.
//
// Reading a config reads the files that it names (secrets, keys, value lists) and touches no network. A config is at most
// 4 MiB and 200,000 nodes, a secret or key 1 MiB. Nothing here opens an end, and nothing knows an adapter.
package config

import (
	"net/netip"
	"path"
	"path/filepath"
	"slices"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/envelope"
)

// Config is orobridge.yaml, checked and with its defaults filled in.
//
// The structs of this file are the contract with users, and its only source: the tag yaml is the key, doc its line in
// the JSON Schema and in `orobridge help config`, jsonschema says what is required, allowed and the default. [Load] reads the
// same tags.
type Config struct {
	State   State              `yaml:"state" doc:"where the bridge keeps what it knows"`
	Oro     Shop               `yaml:"oro" doc:"the shop"`
	Several map[string]*Shop   `yaml:"shops" doc:"several shops by name, each as oro describes the only one; feeds and exports then say which is theirs. A bridge that had one goes on with it under the name main"`
	Remotes map[string]*Remote `yaml:"remotes" doc:"places with files, by name"`
	Feeds   []*Feed            `yaml:"feeds" doc:"inbound streams"`
	Exports []*Export          `yaml:"exports" doc:"outbound streams"`
	Approve int                `yaml:"approve_by" jsonschema:"default=1,minimum=1,maximum=2" doc:"how many people have to approve a drop that is held: 2 for four eyes"`
	Admin   *Admin             `yaml:"admin" doc:"where people and programs of the operator come: page, API, figures; without it nothing listens"`
	Webhook Webhook            `yaml:"webhook" doc:"intake of the shop's webhooks"`
	Notify  []*Route           `yaml:"notify" doc:"who is told of alarms"`
	Alarms  Alarms             `yaml:"alarms" doc:"limits beyond which something is an alarm"`

	Subscribers []*Subscriber `yaml:"subscribers" doc:"other systems that are told of events, by signed webhooks"`

	// Path is the file that the config was read from. Relative paths in it are relative to its folder.
	Path string `yaml:"-"`
	// Warnings are what works but should not stay: a secret that everybody can read, a shop without TLS.
	Warnings Problems `yaml:"-"`
	// Notes are what may be right, and only people know: they hear of it when they ask.
	Notes Problems `yaml:"-"`
}

// State says where the ledger, the spool and the lock are.
type State struct {
	Dir      string        `yaml:"dir" jsonschema:"default=./var,format=path" doc:"folder of the ledger, the spool and the lock; on a local disk"`
	Postgres bridge.Secret `yaml:"postgres" doc:"address of a PostgreSQL database that keeps the ledger, instead of a file in dir: postgres://user@host:5432/database; see orobridge help machines"`
	Keep     Keep          `yaml:"keep" doc:"how long what is done with is kept; 0s keeps it for ever"`

	Backup Backup `yaml:"backup" doc:"backups of the state on a schedule; none without every"`
}

// Backup says how often a running bridge makes a backup of its state, and where it puts it.
type Backup struct {
	Every bridge.Duration `yaml:"every" doc:"between two backups: 1h"`
	Keep  int             `yaml:"keep" jsonschema:"default=24,minimum=1" doc:"so many, the newest"`
	To    BackupPlace     `yaml:"to" jsonschema:"default=./backups" doc:"a folder of this machine, on another disk if there is one: ./backups; or { remote: sap, folder: /backup }"`
}

// BackupPlace is a local folder, or one of a remote.
type BackupPlace struct {
	Remote string `yaml:"remote" doc:"name of the remote; without one the folder is this machine's"`
	Folder string `yaml:"folder" doc:"folder on the remote; / by default"`
}

// Keep says how long what is done with is kept; 0 keeps it for ever. Nothing that still waits for something is ever too old.
type Keep struct {
	Rows    bridge.Duration `yaml:"rows" jsonschema:"default=90d" doc:"archived files, spooled bytes and the details of rows"`
	Orders  bridge.Duration `yaml:"orders" jsonschema:"default=10y" doc:"orders that were written, picked up and, if they have to be, answered, with their bytes"`
	Refused bridge.Duration `yaml:"refused" jsonschema:"default=30d" doc:"what is known of files that were refused unread, such as those that are too large"`
}

// Shop is an OroCommerce installation with its API user. Organizations and websites of one installation are told apart by their users.
type Shop struct {
	Name         string          `yaml:"-"`
	URL          string          `yaml:"url" jsonschema:"required" doc:"address of the shop: https://shop.example.com; the proxies of HTTPS_PROXY, HTTP_PROXY and NO_PROXY are used"`
	Insecure     bool            `yaml:"insecure" doc:"allow http:// to another machine: the client's secret and all orders can be read on the way"`
	CAFile       string          `yaml:"ca_file" jsonschema:"format=path" doc:"PEM file of issuers to trust besides the machine's"`
	CertFile     string          `yaml:"client_certificate_file" jsonschema:"format=path" doc:"PEM file of the certificate that a proxy before the shop asks for"`
	KeyFile      string          `yaml:"client_key_file" jsonschema:"format=path" doc:"PEM file of its key"`
	APIPath      string          `yaml:"api_path" jsonschema:"default=/admin/api" doc:"path of the back-office API below url"`
	TokenPath    string          `yaml:"token_path" jsonschema:"default=/oauth2-token" doc:"path of the token endpoint below url"`
	ClientID     string          `yaml:"client_id" jsonschema:"required" doc:"OAuth application of the bridge (client credentials)"`
	ClientSecret bridge.Secret   `yaml:"client_secret" doc:"its secret"`
	CustomerKey  string          `yaml:"customer_key" jsonschema:"default=externalId" doc:"attribute of a customer that holds its number: where the shop has no externalId, name or a field of your own that lists can be filtered by"`
	InFlight     int             `yaml:"in_flight" jsonschema:"default=4,minimum=1,maximum=64" doc:"batches at once"`
	Batch        int             `yaml:"batch" jsonschema:"default=500,minimum=1,maximum=10000" doc:"records per asynchronous batch"`
	Timeout      bridge.Duration `yaml:"timeout" jsonschema:"default=60s" doc:"of one request"`
	Settle       bridge.Duration `yaml:"settle" jsonschema:"default=30m" doc:"how long the shop may take for a batch before its keys are looked up"`
}

// Remote is a place with files: what all kinds have in common, and the options of its kind.
type Remote struct {
	Name     string               `yaml:"-"`
	Kind     string               `yaml:"kind" jsonschema:"required" doc:"what it is"`
	ReadOnly bool                 `yaml:"read_only" doc:"claim files in the ledger alone and move nothing"`
	Options  bridge.RemoteOptions `yaml:",inline"`
}

// Feed is one inbound stream.
type Feed struct {
	Name        string          `yaml:"name" jsonschema:"required" doc:"small letters, digits, - and _; it stands in the ledger, so keep it"`
	Entity      *formats.Entity `yaml:"entity" jsonschema:"required" doc:"what the files hold"`
	Shop        Names           `yaml:"shop" doc:"name of the shop into which it loads, where there are several; [b2b, outlet]: each file is loaded into both, or by its name into one of them"`
	Remote      string          `yaml:"remote" jsonschema:"required" doc:"name of the remote"`
	Folder      string          `yaml:"folder" jsonschema:"default=/" doc:"folder on the remote"`
	Match       Pattern         `yaml:"match" jsonschema:"required" doc:"names to load: a glob (products_*.csv), or a regular expression between slashes that has to match the whole name, whose groups date and seq order the drops: /prices_(?P<date>\\d{8})_(?P<seq>\\d+)\\.csv/; a group shop says for which of the feed's shops a file is"`
	Ignore      []string        `yaml:"ignore" doc:"globs of names that are still being written, besides .*, *.tmp, *.part, *.filepart and *.writing"`
	Every       bridge.Duration `yaml:"every" jsonschema:"default=30s" doc:"between two listings"`
	Ready       Ready           `yaml:"ready" doc:"when a file is whole; all that is given must hold"`
	Mode        string          `yaml:"mode" jsonschema:"default=delta,enum=delta,enum=full" doc:"full: each file holds everything, and what it lacks is treated as on_missing says"`
	Missing     string          `yaml:"on_missing" jsonschema:"default=keep,enum=keep,enum=disable,enum=delete,enum=zero" doc:"mode full, for what the file lacks: keep, disable (products), delete (prices), zero (inventory)"`
	Scope       []string        `yaml:"scope" doc:"mode full: fields by which files are told apart, each holding everything of the values that it names; [price_list] for prices by default, nothing for others: a file holds everything"`
	OnUnchanged string          `yaml:"on_unchanged" jsonschema:"default=trust,enum=trust,enum=verify" doc:"rows that say what the shop accepted last: trust that it still holds it, or verify by looking, and send what differs; verify is wrong for stock of an ERP that lags behind the shop: it puts sold pieces back"`
	Reconcile   Schedule        `yaml:"reconcile" doc:"when the shop is compared with what it last accepted, in bulk: sun 03:00, mon-fri 02:30 or daily 03:00, with a zone behind it (Europe/Berlin), UTC by default; never without it"`
	Drift       Limit           `yaml:"reconcile_alarm" jsonschema:"default=0.1%" doc:"an alarm when more records than that are missing in the shop or differ, at a scheduled comparison: a number, or a share; the next one within it ends the alarm"`
	Format      formats.Format  `yaml:"format" jsonschema:"required" doc:"how the files are written; its kind, and the options of that kind"`
	Unwrap      []Wrapping      `yaml:"unwrap" doc:"what the files are wrapped in, the outermost first: [gzip], [zip], or { kind: pgp, … }; rows are read once a file came out whole and signed as it must be"`
	Mapping     formats.Mapping `yaml:",inline"`
	Guards      Guards          `yaml:"guards" doc:"limits that hold a drop for approval before anything is sent"`
	Approve     int             `yaml:"approve_by" jsonschema:"minimum=1,maximum=2" doc:"how many people have to approve a drop of it that is held; as for all feeds by default"`
	Folders     Folders         `yaml:"folders" doc:"folders below folder"`

	Repeats   string          `yaml:"repeats" jsonschema:"default=last,enum=last,enum=first,enum=reject" doc:"which row counts when a key stands twice in a file"`
	Gap       Gap             `yaml:"gap" doc:"what to do when a sequence number (group seq of match) is missing: hold, warn, or skip after 2h"`
	OnFailure string          `yaml:"on_failure" jsonschema:"enum=block,enum=continue" doc:"whether drops behind a failed one wait; block in mode full, else continue"`
	ParkFor   bridge.Duration `yaml:"park_for" jsonschema:"default=72h" doc:"how long a row waits for its parent before it is a reject"`
	MaxSize   bridge.Size     `yaml:"max_size" jsonschema:"default=10GB" doc:"larger files are rejected"`
	Truncated string          `yaml:"truncated" jsonschema:"enum=hold,enum=warn,enum=accept" doc:"what to do with a file whose last line has no line end when the lines before it have one: hold it for approval, load it and say so, or load it; hold in mode full, else warn"`
	Empty     string          `yaml:"empty" jsonschema:"default=archive,enum=archive,enum=reject,enum=hold,enum=no_rows" doc:"what to do with a file without rows; one that holds something else than the feed reads is rejected, and archived with no_rows"`
	Expect    *Expect         `yaml:"expect" doc:"when drops have to come: an alarm when one did not; { by: '06:30', days: mon-fri, zone: Europe/Berlin }, or { every: 24h }"`
	Receipts  []string        `yaml:"receipts" jsonschema:"enum=json,enum=csv,enum=idoc" doc:"receipts to write for each drop, idoc as a STATUS for each IDoc; none by default"`

	// Branches load what the feed takes for several shops, one for each; Front is the feed that takes what a branch loads, empty for one
	// that takes its files itself. See [Feed.Loads].
	Branches []*Feed `yaml:"-"`
	Front    string  `yaml:"-"`
}

// Wrapping is one wrapping of a feed's files. A reject file is wrapped in the same way; for pgp it is encrypted to the
// signers, and without any there is none.
type Wrapping struct {
	Kind       string        `yaml:"kind" jsonschema:"required,enum=gzip,enum=zip,enum=pgp" doc:"gzip, zip with one or several files, or pgp (OpenPGP)"`
	MaxSize    bridge.Size   `yaml:"max_size" jsonschema:"default=10GB" doc:"so much may come out, all files together; the largest of all wrappings is for all of them together"`
	MaxRatio   int64         `yaml:"max_ratio" jsonschema:"default=200,minimum=1" doc:"and so many times what went in; the first MiB is free"`
	Match      string        `yaml:"match" doc:"zip: glob of the files to read, without their folders; all by default"`
	MaxFiles   int           `yaml:"max_files" jsonschema:"default=100,minimum=1" doc:"zip: so many files at most"`
	Key        bridge.Secret `yaml:"key" doc:"pgp: private key, armored; several one after the other while keys change"`
	Passphrase bridge.Secret `yaml:"passphrase" doc:"pgp: passphrase of the private key; several, one a line, while keys change"`
	Signers    []string      `yaml:"signers" jsonschema:"format=path" doc:"pgp: files with the sender's public keys, armored"`
	Signature  Signature     `yaml:"signature" doc:"pgp: required (the default), or optional: accepts a message that is not signed; a signature that is there must be a signer's; { is: required, fresh: true } takes none twice"`
	Encryption string        `yaml:"encryption" jsonschema:"default=required,enum=required,enum=optional" doc:"pgp: optional accepts a message that is signed and not encrypted; without key, no other"`

	layer envelope.Layer
}

// Signature says what the signatures of a wrapping must be.
type Signature struct {
	Is    string `yaml:"is" jsonschema:"default=required,enum=required,enum=optional" doc:"required, or optional: a message that is not signed is accepted"`
	Fresh bool   `yaml:"fresh" doc:"a message whose signature came with an earlier drop of the feed is rejected: somebody who can write into the folder sends it again"`
}

// Fresh says that no signature of the feed's files may come twice.
func (f *Feed) Fresh() bool {
	return slices.ContainsFunc(f.Unwrap, func(u Wrapping) bool { return u.Signature.Fresh })
}

// Layers are the wrappings of the feed's files, ready to use.
func (f *Feed) Layers() envelope.Layers {
	var all envelope.Layers
	for i := range f.Unwrap {
		all = append(all, f.Unwrap[i].layer)
	}
	return all
}

// Ready says when a file is whole.
type Ready struct {
	Stable   bridge.Duration `yaml:"stable" jsonschema:"default=20s" doc:"same size and time in all listings for so long; none when marker or manifest is given instead, or the remote is a server of our own; 0s trusts a sender who renames whole files into the folder"`
	Marker   string          `yaml:"marker" doc:"suffix of a second file that says so: .ok for products.csv.ok"`
	Manifest string          `yaml:"manifest" doc:"glob of files that list whole files: CSV with the columns file, rows, sha256 and size, all but file optional"`

	// ManifestStable is Stable for the manifests themselves, which nothing else says to be whole.
	ManifestStable bridge.Duration `yaml:"-"`
}

// Guards hold a drop whose plan looks wrong. A limit is a number or a share.
type Guards struct {
	MaxRejects     *Limit            `yaml:"max_rejects" doc:"rejected rows: a number, or a share such as 5%"`
	MaxShrink      *Limit            `yaml:"max_shrink" doc:"rows less than the last full drops had"`
	MaxRemovals    *Limit            `yaml:"max_removals" doc:"removals"`
	MinRows        int64             `yaml:"min_rows" jsonschema:"minimum=0" doc:"rows at least"`
	MaxPriceChange *PriceChangeLimit `yaml:"max_price_change" doc:"prices that move far"`
}

// PriceChangeLimit holds a drop when more than Share of its prices move by more than By.
type PriceChangeLimit struct {
	By    Limit `yaml:"by" jsonschema:"required" doc:"how far a price moves: 20%"`
	Share Limit `yaml:"share" jsonschema:"required" doc:"how many may: 5%, or a number"`
}

// Folders names the folders of a feed, relative to Folder.
type Folders struct {
	Work     string `yaml:"work" jsonschema:"default=.work" doc:"for files being loaded"`
	Archive  string `yaml:"archive" jsonschema:"default=archive" doc:"for loaded files"`
	Rejected string `yaml:"rejected" jsonschema:"default=rejected" doc:"for unreadable files, and for reject files"`
	Receipts string `yaml:"receipts" jsonschema:"default=receipts" doc:"for receipts"`
}

// Gap says what to do when a sequence number is missing.
type Gap struct {
	Then  string          `yaml:"then" jsonschema:"enum=hold,enum=warn,enum=skip" doc:"hold, warn or skip"`
	After bridge.Duration `yaml:"after" doc:"skip after so long"`
}

// Export is one outbound stream.
type Export struct {
	Name         string              `yaml:"name" jsonschema:"required" doc:"small letters, digits, - and _; it stands in the ledger, so keep it"`
	Entity       string              `yaml:"entity" jsonschema:"default=orders,enum=orders" doc:"what is written"`
	Shop         string              `yaml:"shop" doc:"name of the shop whose orders it writes, where there are several"`
	Remote       string              `yaml:"remote" jsonschema:"required" doc:"name of the remote"`
	Folder       string              `yaml:"folder" jsonschema:"default=/" doc:"folder on the remote"`
	Every        bridge.Duration     `yaml:"every" jsonschema:"default=5s" doc:"between two questions to the shop"`
	Overlap      bridge.Duration     `yaml:"overlap" jsonschema:"default=10m" doc:"how far back each question reaches, for orders that commit late"`
	Since        string              `yaml:"since" jsonschema:"default=now" doc:"first start: now, all, or a time (2026-01-31, 2026-01-31T08:00:00Z)"`
	File         string              `yaml:"file" jsonschema:"default=ORD_{submitted}_{number}_{identifier}" doc:"file name of {submitted}, {number}, {identifier}, {id}, {website}; the default is followed by the format's extension"`
	Format       formats.OrderFormat `yaml:"format" jsonschema:"required" doc:"how the files are written; its kind, and the options of that kind"`
	Only         Only                `yaml:"only" doc:"which orders; an empty list lets everything pass"`
	OnChange     string              `yaml:"on_change" jsonschema:"default=ignore,enum=ignore,enum=new_version" doc:"an order that changes after it was written, in lines, addresses, totals or by being cancelled: ignore, or write it again under a name that ends in _v2"`
	Collect      Collect             `yaml:"collect" doc:"put several orders into a file: 50 orders or 1m; each order has its own by default"`
	Gzip         bool                `yaml:"gzip" doc:"compress the files; their names end in .gz"`
	Encrypt      *Encrypt            `yaml:"encrypt" doc:"encrypt the files by OpenPGP; their names end in .pgp, or .asc"`
	Marker       string              `yaml:"marker" doc:"suffix of an empty file that is written after each file"`
	PickupWithin bridge.Duration     `yaml:"pickup_within" doc:"alarm when the ERP has not taken the file by then"`
	AnswerWithin bridge.Duration     `yaml:"answer_within" doc:"alarm when the ERP has not answered by then"`
}

// Encrypt says for whom files are encrypted and who signs them.
type Encrypt struct {
	Recipients []string      `yaml:"recipients" jsonschema:"required,format=path" doc:"files with the receivers' public keys, armored"`
	SignKey    bridge.Secret `yaml:"sign_key" doc:"private key that signs, armored; several one after the other while keys change; without one the files are not signed"`
	Passphrase bridge.Secret `yaml:"passphrase" doc:"passphrase of sign_key; several, one a line, while keys change"`
	Armor      bool          `yaml:"armor" doc:"write text instead of bytes"`

	Seal envelope.Seal `yaml:"-"`
}

// Collect puts several orders into a file. The file is made when it is full, or when its first order has waited
// long enough.
type Collect struct {
	Orders int             `yaml:"orders" jsonschema:"minimum=1" doc:"so many"`
	Within bridge.Duration `yaml:"within" doc:"or what there is after so long"`
}

// Only is the filter of an export. An empty list lets everything pass.
type Only struct {
	InternalStatus []string `yaml:"internal_status" doc:"ids of internal statuses: open, cancelled, …"`
	Status         []string `yaml:"status" doc:"ids of order statuses"`
	Website        []string `yaml:"website" doc:"ids of websites"`
	CustomerGroup  []string `yaml:"customer_group" doc:"names of customer groups"`
	Currency       []string `yaml:"currency" doc:"ISO codes"`
	When           string   `yaml:"when" doc:"an expression over the columns of the order's head: amount(total) >= 1000 && customer_group != 'Test'"`

	condition *formats.Condition
}

// Admin is where people and programs of the operator come.
type Admin struct {
	Listen string   `yaml:"listen" jsonschema:"default=127.0.0.1:8085" doc:"address and port"`
	URL    string   `yaml:"url" doc:"address at which people reach the page, for links in messages: https://bridge.example.com"`
	Hosts  []string `yaml:"hosts" doc:"names by which browsers reach it, without a port: bridge.example.com; localhost and IP addresses always do, and other names are refused"`
	TLS    TLS      `yaml:"tls" doc:"certificate of its own; without one it speaks plain HTTP, for this machine or a proxy"`
	Proxy  Proxy    `yaml:"trusted_proxy" doc:"the proxy before it, which says by X-Forwarded-For and X-Forwarded-Proto who comes, and how"`
	Users  []*User  `yaml:"users" doc:"who may log in; without users and oidc there is no page, only /livez, /readyz, what tokens ask and, for this machine, /metrics"`
	OIDC   *OIDC    `yaml:"oidc" doc:"a provider of OpenID Connect that says who people are; needs url"`
	Pprof  Socket   `yaml:"pprof" doc:"unix socket at which go tool pprof asks, for the bridge's own account: true puts it into state.dir as pprof.sock; or a path. None by default"`
}

// Socket is the path of a unix socket; empty for none.
type Socket string

// UnmarshalText reads a path, or true or false; true stands for where the config's checks put it.
func (s *Socket) UnmarshalText(text []byte) error {
	if *s = Socket(text); *s == "false" {
		*s = ""
	}
	return nil
}

// OIDC is a provider of OpenID Connect, and who of its people may come in.
type OIDC struct {
	Issuer   string            `yaml:"issuer" jsonschema:"required" doc:"its address, as its ID tokens name it: https://login.example.com/realms/work"`
	ClientID string            `yaml:"client_id" jsonschema:"required" doc:"the name by which it knows the bridge; it has to allow admin.url with /login/callback behind it as a redirect"`
	Secret   bridge.Secret     `yaml:"client_secret" doc:"by which the bridge shows that it is that client"`
	Groups   map[string]string `yaml:"groups" jsonschema:"required" doc:"role of who is in a group: { shop-leads: admin, shop-desk: operator }; who is in none of them may not come in"`
	Claim    string            `yaml:"groups_claim" jsonschema:"default=groups" doc:"what of the ID token lists somebody's groups"`
	Scopes   []string          `yaml:"scopes" doc:"what the bridge asks for beside openid: profile and email by default; some providers tell groups only for a scope of their own"`
}

// TLS names the files of a certificate. They are read again when they change.
type TLS struct {
	CertFile string `yaml:"certificate_file" jsonschema:"format=path" doc:"PEM file of the certificate, with its issuers"`
	KeyFile  string `yaml:"key_file" jsonschema:"format=path" doc:"PEM file of its key"`
}

// Proxy is a proxy whose word is taken for who is behind it.
type Proxy struct {
	Addresses  []string `yaml:"addresses" doc:"its IP addresses, or networks such as 10.1.0.0/24; what others say of themselves is not believed"`
	UserHeader string   `yaml:"user_header" doc:"header in which it names the user that has logged in there, who is one of users: X-Remote-User; it has to remove the header from what clients send"`

	// Networks are the addresses.
	Networks []netip.Prefix `yaml:"-"`
}

// User is somebody who may log in.
type User struct {
	Name         string        `yaml:"name" jsonschema:"required" doc:"login name; it stands in the audit, so keep it"`
	Role         string        `yaml:"role" jsonschema:"required,enum=viewer,enum=operator,enum=admin" doc:"viewer looks, but not at personal data; operator decides; admin also says who else may come"`
	Shops        []string      `yaml:"shops" doc:"names of the shops that it is about; all by default"`
	PasswordHash bridge.Secret `yaml:"password_hash" doc:"argon2id hash of the password, as orobridge admin passwd prints it; several, one a line, while it changes; without one only a trusted proxy can name the user"`
}

// Webhook is the intake of the shop's webhooks, which only wake the exports.
type Webhook struct {
	Listen string        `yaml:"listen" jsonschema:"default=127.0.0.1:8086" doc:"address and port, for the shop alone"`
	URL    string        `yaml:"url" doc:"address at which the shop reaches listen, /webhook for its path; the bridge then registers itself there and keeps it so. Each of several shops has an address of its own, /webhook/NAME"`
	Secret bridge.Secret `yaml:"secret" doc:"key of the shop's webhook signatures, 32 bytes or more; without it there is no webhook intake; while it changes two, one a line, the new one first"`
}

// resolve makes a local path of the config absolute or relative to the working folder: in a config, relative paths are
// relative to the config's folder.
func (c *Config) resolve(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(c.Path), path)
}

// Lists says whether a name is that of a manifest.
func (r Ready) Lists(name string) bool {
	ok, err := path.Match(r.Manifest, name)
	return ok && err == nil && r.Manifest != ""
}

// DocumentReceipt is the kind of receipts that are documents of the sender's own kind, one for each of his.
const DocumentReceipt = "idoc"
