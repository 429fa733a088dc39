package config

import (
	"cmp"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// A checker looks at a decoded config for what its keys can't say by themselves.
type checker struct {
	*decoder
	c *Config
}

func (k checker) config() {
	k.shops()
	for _, name := range slices.Sorted(maps.Keys(k.c.Remotes)) {
		r := k.c.Remotes[name]
		r.Name = name
		k.remote("remotes."+name, r)
	}
	for i, f := range k.c.Feeds {
		k.feed(k.element("feeds", i, f.Name), f)
	}
	for i, e := range k.c.Exports {
		k.export(k.element("exports", i, e.Name), e)
	}
	k.backup()
	k.names()
	k.collisions()
	k.rivals()
	k.admin()
	alarmChecker{k}.adminURL()
	k.webhook()
	alarmChecker{k}.notify()
}

// element is the path that the decoder gave to an element of a list.
func (k checker) element(list string, i int, name string) string {
	if name != "" && k.given(join(list, name)) && !k.given(join(list, number(i))) {
		return join(list, name)
	}
	return join(list, number(i))
}

// leastBackup is the shortest time between two backups.
const leastBackup = time.Minute

func (k checker) backup() {
	b := &k.c.State.Backup
	const key = "state.backup"
	switch {
	case !k.given(key):
	case k.c.State.Postgres != "":
		k.problem(key, "back the database up: see orobridge help machines", "the ledger stands in PostgreSQL, which has its own backups")
	case b.Every == 0 && !k.failed(key+".every"):
		k.problem(key, "add every: 1h", "every is missing")
	case b.Every.D() < leastBackup && !k.failed(key+".every"):
		k.problem(key+".every", "", "must be %v or longer", leastBackup)
	}
	if b.To.Remote == "" {
		b.To.Folder = k.c.resolve(b.To.Folder)
		return
	}
	b.To.Folder = cmp.Or(b.To.Folder, "/")
	k.folder(key+".to.folder", b.To.Folder)
	switch r := k.c.Remotes[b.To.Remote]; {
	case r == nil:
		k.problem(key+".to.remote", "", "there is no remote %q", b.To.Remote)
	case r.ReadOnly:
		k.problem(key+".to.remote", "name one that may be written to", "the remote %s is read-only", b.To.Remote)
	}
}

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)

func validName(name string) bool { return len(name) <= 64 && nameForm.MatchString(name) }

const nameHint = "use small letters, digits, - and _, at most 64"

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

func (k checker) rooted(key, p string) {
	if !strings.HasPrefix(p, "/") && !k.failed(key) {
		k.problem(key, "", "must begin with /")
	}
}

func (k checker) positive(key string, d bridge.Duration) {
	if d <= 0 && !k.failed(key) {
		k.problem(key, "", "must be longer than nothing")
	}
}

func (k checker) remote(key string, r *Remote) {
	if !validName(r.Name) {
		k.problem(key, nameHint, "%q is not a name", r.Name)
	}
	if r.Name == bridge.ByHand {
		k.problem(key, "choose another name", "%q is the bridge's own word for files that a person loads", r.Name)
	}
	if r.Options != nil {
		k.spread(key, r.Options.Check())
	}
	if o, ok := r.Options.(bridge.Doubtful); ok {
		k.at(key, "", o.Doubts(), k.warn)
	}
	if o, ok := r.Options.(bridge.Placed); ok && k.c.State.Postgres != "" {
		what, hint := o.Apart()
		k.notes = append(k.notes, k.finding(key, hint, "bridges on several machines have %s", what))
	}
}

// anyForm says whether a secret is given in any of its forms, whether or not it could be read.
func (k checker) anyForm(key, name string) bool {
	return k.given(join(key, name)) || k.given(join(key, name+"_file")) || k.given(join(key, name+"_env"))
}

// folder checks the path of a folder on a remote.
func (k checker) folder(key, p string) {
	if _, err := bridge.SplitPath(p); err != nil {
		k.problem(key, "", "%q can't be used as a folder: %v", p, err)
	}
}

// stream checks what feeds and exports have in common, and returns the remote when there is one.
func (k checker) stream(key, name, remote, folder string, every bridge.Duration) *Remote {
	if name != "" && !validName(name) {
		k.problem(join(key, "name"), nameHint, "%q is not a name", name)
	}
	k.folder(join(key, "folder"), folder)
	k.positive(join(key, "every"), every)
	r, ok := k.c.Remotes[remote]
	if !ok && remote != "" {
		hint := formats.DidYouMean(remote, slices.Sorted(maps.Keys(k.c.Remotes)))
		if hint == "" {
			hint = "describe it below remotes"
		}
		k.problem(join(key, "remote"), hint, "there is no remote %q", remote)
	}
	return r
}

func (k checker) feed(key string, f *Feed) {
	k.whose(key, f.Shop)
	if len(f.Shop) > 1 && f.Ready.Manifest != "" && f.Match.HasGroup(shopGroup) {
		k.problem(join(key, "match"), "write a feed for each shop", "tells shops apart, and a manifest is for all of them")
	}
	k.stream(key, f.Name, f.Remote, f.Folder, f.Every)
	k.ready(key, f)
	k.mode(key, f)
	k.subfolders(key, f.Folders)
	for _, glob := range f.Ignore {
		if _, err := path.Match(glob, ""); err != nil || strings.Contains(glob, "/") {
			k.problem(join(key, "ignore"), "write globs such as *.busy", "%q is not a glob of names", glob)
		}
	}
	if f.Gap.Then != "" && f.Match.Text != "" && !f.Match.HasGroup("seq") {
		k.problem(join(key, "gap"), `write match: '/prices_(?P<seq>\d+)\.csv/'`, "needs a group seq in match")
	}
	if (f.Gap.Then == "skip") != (f.Gap.After > 0) && !k.failed(join(key, "gap")) {
		k.problem(join(key, "gap"), "write gap: skip after 2h", "after belongs to skip, and skip needs it")
	}
	k.positive(join(key, "park_for"), f.ParkFor)
	if f.MaxSize <= 0 && !k.failed(join(key, "max_size")) {
		k.problem(join(key, "max_size"), "", "must be larger than nothing")
	}
	k.shares(key, &f.Guards)
	if c := f.Guards.MaxPriceChange; c != nil && f.Entity != nil && f.Entity.Worth == "" {
		k.problem(join(key, "guards.max_price_change"), "", "has a meaning for prices only")
	}
	if r, ok := f.Format.(formats.Receipter); slices.Contains(f.Receipts, DocumentReceipt) && (!ok || !r.Receipts()) {
		k.problem(join(key, "receipts"), "write format: { kind: idoc, receipt: { client: '100', sender: …, receiver: … } }",
			"idoc needs a format of kind idoc with receipt")
	}
	if f.Expect != nil {
		alarmChecker{k}.expected(join(key, "expect"), f.Expect)
	}
	if !f.Reconcile.IsZero() && f.Entity != nil && f.Entity.Answers {
		k.problem(join(key, "reconcile"), "leave it out", "answers to orders are no records of the shop")
	}
	for i := range f.Unwrap {
		k.unwrap(join(join(key, "unwrap"), number(i)), &f.Unwrap[i])
	}
	if f.Entity != nil {
		k.mapping(key, f)
	}
}

// shares checks limits that are a share of something, of which there is no more than all. A price may well move by more.
func (k checker) shares(key string, g *Guards) {
	limits := map[string]*Limit{"max_rejects": g.MaxRejects, "max_shrink": g.MaxShrink, "max_removals": g.MaxRemovals}
	if g.MaxPriceChange != nil {
		limits["max_price_change.share"] = &g.MaxPriceChange.Share
	}
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		if l := limits[name]; l != nil && l.IsShare && l.Percent > 100 {
			k.problem(join(key, "guards."+name), "write a share such as 5%, or a number without the percent sign", "%s is more than there is", l)
		}
	}
}

func (k checker) ready(key string, f *Feed) {
	r := &f.Ready
	k.suffix(join(key, "ready.marker"), r.Marker)
	if r.Manifest != "" {
		r.ManifestStable = r.Stable
		if _, err := path.Match(r.Manifest, ""); err != nil || strings.Contains(r.Manifest, "/") {
			k.problem(join(key, "ready.manifest"), "write a glob such as manifest_*.txt", "%q is not a glob of names", r.Manifest)
		}
	}
	settles := false
	if remote := k.c.Remotes[f.Remote]; remote != nil {
		_, settles = remote.Options.(bridge.Settling)
	}
	if (r.Marker != "" || r.Manifest != "" || settles) && !k.given(join(key, "ready.stable")) {
		r.Stable = 0
	}
	if r.Marker != "" && f.Match.overlaps(Pattern{Text: "*" + r.Marker}) {
		k.warn(join(key, "match"), "end the pattern with the files' own extension", "matches the marker files as well")
	}
}

// suffix checks the suffix of a marker file.
func (k checker) suffix(key, s string) {
	if s != "" && (bridge.SafeName("x"+s) != nil || strings.ContainsAny(s, "*?[")) {
		k.problem(key, "write .ok", "%q is not the suffix of a file name", s)
	}
}

func (k checker) mode(key string, f *Feed) {
	if f.Approve == 0 {
		f.Approve = k.c.Approve
	}
	if f.OnFailure == "" {
		f.OnFailure = "continue"
		if f.Mode == "full" {
			f.OnFailure = "block"
		}
	}
	for _, name := range f.Unguarded() {
		k.warn(join(key, "guards."+name), "leave it out for the default, or write a limit that means something",
			"is switched off: a file that was cut off could empty the shop")
	}
	k.scope(join(key, "scope"), f)
	if f.Truncated == "" {
		f.Truncated = "warn"
		if f.Mode == "full" {
			f.Truncated = "hold"
		}
	}
	missing := join(key, "on_missing")
	if f.Entity == nil || !k.given(missing) || k.failed(missing) || k.failed(join(key, "mode")) {
		return
	}
	if legal := f.Entity.OnMissing; !slices.Contains(legal, f.Missing) {
		k.problem(missing, "", "%s can't be done to %s; one of %s can", f.Missing, f.Entity.Name, strings.Join(legal, ", "))
	} else if f.Mode != "full" && f.Missing != "keep" {
		k.problem(missing, "set mode: full if each file holds everything, or remove on_missing", "has a meaning only in mode full")
	}
}

// scope checks the fields by which full files are told apart.
func (k checker) scope(key string, f *Feed) {
	if f.Entity == nil || len(f.Scope) == 0 {
		return
	}
	if f.Mode != "full" {
		k.problem(key, "set mode: full if each file holds everything of its scope, or remove scope", "has a meaning only in mode full")
	}
	for _, name := range f.Scope {
		if _, ok := f.Entity.Lookup(name); !ok || name == formats.RemoveField {
			k.problem(key, f.Entity.Nearest(name), "%s have no field %s", f.Entity.Name, name)
		}
	}
}

func (k checker) subfolders(key string, f Folders) {
	seen := map[string]string{}
	for _, sub := range []struct{ key, path string }{
		{"work", f.Work}, {"archive", f.Archive}, {"rejected", f.Rejected}, {"receipts", f.Receipts},
	} {
		where := join(key, "folders."+sub.key)
		elements, err := bridge.SplitPath(sub.path)
		clean := path.Clean(sub.path)
		switch {
		case err != nil:
			k.problem(where, "", "%q can't be used as a folder: %v", sub.path, err)
		case len(elements) == 0 || strings.HasPrefix(sub.path, "/"):
			k.problem(where, "", "must be a folder below the feed's folder, and not %q", sub.path)
		case seen[clean] != "" && (sub.key != "receipts" && seen[clean] != "receipts"):
			k.problem(where, "", "is the same folder as %s", seen[clean])
		}
		seen[clean] = sub.key
	}
}

// mapping lets the mapping and the format check themselves.
func (k checker) mapping(key string, f *Feed) {
	f.Mapping.Open = k.c.opener
	err := f.Mapping.Check(f.Entity)
	k.spread(key, err)
	if f.Format == nil {
		return
	}
	if c, ok := f.Format.(formats.Clocked); ok {
		c.SetClock(time.Now)
	}
	if r, ok := f.Format.(formats.FileReader); ok {
		r.SetOpen(k.c.opener)
	}
	if s, ok := f.Format.(formats.Selector); ok && err == nil {
		k.spread(key, s.Select(f.Entity, &f.Mapping))
	}
	k.spread(join(key, "format"), f.Format.Check())
}

// placeholders of an export's file name.
var placeholders = []string{"{submitted}", "{number}", "{identifier}", "{id}", "{website}"}

var braces = regexp.MustCompile(`\{[^{}]*\}`)

func (k checker) export(key string, e *Export) {
	k.whose(key, slices.DeleteFunc([]string{e.Shop}, func(name string) bool { return name == "" }))
	r := k.stream(key, e.Name, e.Remote, e.Folder, e.Every)
	if r != nil && r.ReadOnly {
		k.problem(join(key, "remote"), "choose another remote", "%s is read_only: no order can be written there", e.Remote)
	}
	if e.Format != nil {
		if f, ok := e.Format.(formats.FileReader); ok {
			f.SetOpen(k.c.opener)
		}
		k.spread(join(key, "format"), e.Format.Check())
		if !k.given(join(key, "file")) {
			e.File += e.Format.Extension()
		}
	}
	k.file(join(key, "file"), e.File)
	k.since(join(key, "since"), e)
	k.suffix(join(key, "marker"), e.Marker)
	if e.Encrypt != nil {
		k.encrypt(join(key, "encrypt"), e.Encrypt)
	}
	if (e.Collect.Orders > 0) != (e.Collect.Within > 0) && !k.failed(join(key, "collect")) {
		k.problem(join(key, "collect"), "write collect: 50 orders or 1m", "orders and within belong together")
	}
	if e.Only.When != "" {
		condition, err := formats.NewCondition(e.Only.When)
		if err != nil {
			k.problem(join(key, "only.when"), "write a condition such as amount(total) >= 1000", "%v", err)
		}
		e.Only.condition = condition
	}
}

// file checks the pattern of an export's file names: known placeholders, unique names, names in order.
func (k checker) file(key, pattern string) {
	if pattern == "" {
		return
	}
	for _, p := range braces.FindAllString(pattern, -1) {
		if !slices.Contains(placeholders, p) {
			k.problem(key, formats.DidYouMean(p, placeholders), "%s is not one of %s", p, strings.Join(placeholders, ", "))
		}
	}
	rest := braces.ReplaceAllString(pattern, "x")
	if err := bridge.SafeName(rest); err != nil || strings.ContainsAny(rest, "{}") || bridge.Temporary(rest, nil) {
		k.problem(key, "write ORD_{submitted}_{number}_{identifier}.csv", "%q can't be used as a file name", pattern)
		return
	}
	has := func(p string) bool { return strings.Contains(pattern, p) }
	if !has("{number}") && !has("{identifier}") && !has("{id}") {
		k.problem(key, "add {number}", "two orders would get the same name")
		return
	}
	if first := braces.FindString(pattern); first != "{submitted}" && first != "{number}" {
		k.warn(key, "begin with {submitted} or {number}",
			"names do not sort in the order of submission; SAP PI reads files in alphabetical order")
	}
}

func (k checker) since(key string, e *Export) {
	if e.Since == "now" || e.Since == "all" {
		return
	}
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(form, e.Since); err == nil {
			e.Since = t.UTC().Format(time.RFC3339)
			return
		}
	}
	k.problem(key, "write now, all, 2026-01-31, or 2026-01-31T08:00:00Z", "%q is not a time", e.Since)
}

// names checks that no two feeds or exports have one name: verbs and the ledger know them by it.
func (k checker) names() {
	seen := map[string]bool{}
	for i, f := range k.c.Feeds {
		k.unique(seen, k.element("feeds", i, f.Name), f.Name)
	}
	for i, e := range k.c.Exports {
		k.unique(seen, k.element("exports", i, e.Name), e.Name)
	}
}

func (k checker) unique(seen map[string]bool, key, name string) {
	if name != "" && seen[name] {
		k.problem(join(key, "name"), "give each feed and export a name of its own", "%q stands twice", name)
	}
	seen[name] = true
}

// rivals finds feeds that load one entity: between two that set the same field, the later load wins, whatever their files say
// of order. Feeds with constants of their own for a part of the key never meet.
func (k checker) rivals() {
	for i, f := range k.c.Feeds {
		for j, g := range k.c.Feeds[:i] {
			if f.Entity == nil || f.Entity != g.Entity || f.Entity.Answers || !f.Shop.Meet(g.Shop) || apart(f, g) {
				continue
			}
			k.warn(k.element("feeds", i, f.Name), "let each field come from one feed",
				"%s loads %s, too: of a field that both set, the later load wins", k.element("feeds", j, g.Name), f.Entity.Name)
			break
		}
	}
}

// apart says that two feeds have no key, or no field, in common.
func apart(f, g *Feed) bool {
	for field, text := range f.Mapping.Constants {
		if other, ok := g.Mapping.Constants[field]; ok && other != text && f.Entity.IsKey(field) {
			return true
		}
	}
	if len(f.Mapping.Columns) == 0 || len(g.Mapping.Columns) == 0 {
		return false
	}
	sets := f.Mapping.Sets(f.Entity)
	return !slices.ContainsFunc(g.Mapping.Sets(g.Entity), func(field string) bool { return slices.Contains(sets, field) })
}

// collisions finds feeds that would take each other's files, and exports that would write each other's.
func (k checker) collisions() {
	for i, f := range k.c.Feeds {
		for j, g := range k.c.Feeds[:i] {
			if f.Remote != g.Remote || path.Clean("/"+f.Folder) != path.Clean("/"+g.Folder) || f.Match.Text == "" {
				continue
			}
			key := join(k.element("feeds", i, f.Name), "match")
			switch other := k.element("feeds", j, g.Name); {
			case f.Match.Text == g.Match.Text:
				k.problem(key, "choose another folder or pattern", "%s takes the same files", other)
			case f.Match.overlaps(g.Match):
				k.warn(key, "make the patterns narrower", "some names match %s as well: both would load the file", other)
			}
		}
	}
	for i, f := range k.c.Feeds {
		for j, e := range k.c.Exports {
			if f.Remote == e.Remote && path.Clean("/"+f.Folder) == path.Clean("/"+e.Folder) {
				k.problem(join(k.element("feeds", i, f.Name), "folder"), "choose another folder",
					"%s writes its files there: the bridge would take them from the ERP", k.element("exports", j, e.Name))
			}
		}
	}
	for i, e := range k.c.Exports {
		for j, g := range k.c.Exports[:i] {
			if e.Remote == g.Remote && path.Clean("/"+e.Folder) == path.Clean("/"+g.Folder) && e.File == g.File {
				k.problem(join(k.element("exports", i, e.Name), "file"), "choose another folder or name",
					"%s writes files of the same names", k.element("exports", j, g.Name))
			}
		}
	}
}

// minWebhookSecret is as long as the HMAC-SHA256 that it makes, in bytes (RFC 2104, section 3).
const minWebhookSecret = 32

// webhook checks the intake. One that an earlier release's keys describe listens where that release listened.
func (k checker) webhook() {
	w := &k.c.Webhook
	if (k.moved["webhook.url"] || k.anyMoved("webhook.secret")) && !k.given("webhook.listen") && k.c.Admin != nil {
		w.Listen = k.c.Admin.Listen
		k.shared()
	} else {
		k.listen("webhook.listen", "127.0.0.1:8086", w.Listen)
	}
	k.apart()
	if w.Secret != "" && len(w.Secret.Lines()) == 0 {
		k.problem("webhook", "make one with: openssl rand -hex 32", "secret has blank lines only")
	}
	for _, secret := range w.Secret.Lines() {
		if n := len(secret.Reveal()); n < minWebhookSecret && w.Secret.Reveal() != notRead {
			k.problem("webhook", "make one with: openssl rand -hex 32",
				"secret has %d bytes, fewer than %d: signatures made with it can be guessed", n, minWebhookSecret)
		}
	}
	if w.URL == "" {
		return
	}
	u, err := url.Parse(w.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		k.problem("webhook.url", "write https://bridge.example.com/webhook", "%q is not an address", w.URL)
	case !k.anyForm("webhook", "secret"):
		k.problem("webhook", "write secret_env: ORO_WEBHOOK_SECRET", "url needs secret")
	}
}

// listen checks an address to listen on and returns its host, which is empty for all addresses of the machine.
func (k checker) listen(key, example, address string) (host string, ok bool) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "" {
		k.problem(key, "write "+example, "%q is not an address with a port", address)
		return "", false
	}
	return host, true
}

// anyMoved says whether a secret was given by the name of an earlier release, in any of its forms.
func (k checker) anyMoved(key string) bool {
	return k.moved[key] || k.moved[key+"_file"] || k.moved[key+"_env"]
}
