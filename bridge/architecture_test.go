package bridge_test

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

const module = "github.com/orobridge/orobridge/"

// rooms are drawn from the bottom to the top: a room imports itself and rooms that it names, which stand above it in this list.
// The suites and worlds that tests play in are rooms, too; what ships imports none of them.
var rooms = []room{
	{"formats", nil},
	{"bridge", below{"formats"}},
	{"bridge/password", nil},
	{"bridge/prompt", nil},
	{"bridge/expect", nil},
	{"bridge/config", below{"formats", "bridge", "bridge/password", "bridge/expect"}},

	// What of a drop's life stands by itself.
	{"bridge/inbound/spool", below{"bridge"}},
	{"bridge/inbound/trouble", below{"bridge"}},
	{"bridge/inbound/moves", below{"bridge"}},
	{"bridge/inbound/leftovers", below{"bridge", "bridge/config", "bridge/inbound/moves"}},
	{"bridge/inbound/order", below{"bridge"}},
	{"bridge/inbound/listing", below{"bridge", "bridge/config"}},
	{"bridge/inbound/branches", below{"bridge", "bridge/config", "bridge/inbound/order"}},
	{"bridge/inbound/rows", below{"formats", "bridge", "bridge/config", "bridge/inbound/spool"}},
	{"bridge/inbound/plan", below{"formats", "bridge", "bridge/config", "bridge/inbound/order", "bridge/inbound/rows"}},
	{"bridge/inbound/apply", below{"formats", "bridge", "bridge/config", "bridge/inbound/trouble"}},
	{"bridge/inbound/answers", below{"formats", "bridge", "bridge/config", "bridge/inbound/rows", "bridge/inbound/trouble"}},
	{"bridge/inbound/papers", below{"formats", "bridge", "bridge/config", "bridge/inbound/rows", "bridge/inbound/spool"}},
	{"bridge/inbound", below{"formats", "bridge", "bridge/config", "bridge/inbound/spool", "bridge/inbound/moves", "bridge/inbound/leftovers",
		"bridge/inbound/trouble", "bridge/inbound/order", "bridge/inbound/listing", "bridge/inbound/branches",
		"bridge/inbound/rows", "bridge/inbound/plan", "bridge/inbound/apply", "bridge/inbound/answers", "bridge/inbound/papers"}},
	{"bridge/outbound", below{"formats", "bridge", "bridge/config"}},
	{"bridge/notify/signs", below{"bridge", "bridge/config", "bridge/expect"}},
	{"bridge/notify/words", below{"bridge"}},
	{"bridge/notify", below{"bridge", "bridge/config", "bridge/notify/signs", "bridge/notify/words"}},
	{"bridge/notify/post", below{"bridge", "bridge/config"}},
	{"bridge/daemon", below{"formats", "bridge", "bridge/config", "bridge/inbound", "bridge/inbound/spool", "bridge/outbound"}},
	{"bridge/fleet", below{"bridge", "bridge/daemon"}},
	{"bridge/shadow", below{"formats", "bridge", "bridge/config", "bridge/inbound", "bridge/inbound/spool", "bridge/outbound", "bridge/daemon"}},
	{"bridge/operate", below{"formats", "bridge", "bridge/config", "bridge/inbound", "bridge/inbound/leftovers", "bridge/inbound/listing",
		"bridge/inbound/order", "bridge/inbound/rows", "bridge/inbound/spool", "bridge/outbound"}},
	{"bridge/operate/checkup", below{"formats", "bridge", "bridge/config", "bridge/inbound", "bridge/inbound/leftovers",
		"bridge/inbound/listing", "bridge/inbound/rows", "bridge/outbound"}},
	{"bridge/subscribe", below{"bridge", "bridge/config", "bridge/operate"}},

	// Adapters stand beside the journeys and know nothing of them, nor of one another; but sftpd is a door before a folder of dir.
	{"bridge/dir", below{"bridge"}},
	{"bridge/sftp", below{"formats", "bridge", "bridge/config", "bridge/prompt"}},
	{"bridge/sftpd", below{"formats", "bridge", "bridge/config", "bridge/password", "bridge/prompt", "bridge/dir"}},
	{"bridge/oro", below{"formats", "bridge", "bridge/config"}},
	{"bridge/web", below{"bridge"}},
	{"bridge/figures", below{"formats", "bridge", "bridge/config"}},
	{"bridge/admit", below{"formats", "bridge", "bridge/config", "bridge/password"}},
	{"bridge/api", below{"formats", "bridge", "bridge/admit", "bridge/inbound", "bridge/operate"}},
	{"bridge/api/client", below{"formats", "bridge", "bridge/api", "bridge/inbound", "bridge/operate"}},
	{"state", below{"formats", "bridge"}},

	// What people see stands on the journeys' read models and decisions, and on who is there.
	{"bridge/page", below{"formats", "bridge", "bridge/admit", "bridge/config", "bridge/inbound", "bridge/inbound/spool", "bridge/operate",
		"bridge/operate/checkup"}},

	{"bridge/oro/orotest", nil},
	{"bridge/sftp/sftptest", below{"bridge", "bridge/sftpd"}},
	{"formats/hostiletest", nil},
	{"bridge/remotetest", below{"bridge"}},
	{"state/ledgertest", below{"formats", "bridge", "bridge/inbound", "bridge/outbound", "bridge/daemon", "bridge/operate", "bridge/admit",
		"bridge/api", "bridge/notify"}},
	{"state/postgres/postgrestest", nil},
	{"state/sqlite/sqlitetest", nil},
	{"bridge/bridgetest", anything},
	{"bridge/crashtest", anything},

	{"cmd/orobridge", anything},
	{"cmd/orobridge/erp", nil},
	{"cmd/orobridge/build", nil},
	{"cmd/orobridge/caller", below{"bridge"}},
	{"cmd/orobridge/crash", nil},
	{"cmd/orobridge/site", below{"bridge", "bridge/config", "bridge/admit", "bridge/api", "bridge/page", "bridge/web"}},
	{"cmd/orobridge/systemd", nil},
	{"cmd/orobridge/help", nil},
	{"cmd/orobridge/show", below{"formats", "bridge", "bridge/inbound/rows", "bridge/operate", "bridge/operate/checkup", "state", "cmd/orobridge/help"}},
	{"cmd/orobridge/keep", below{"bridge", "bridge/operate", "bridge/operate/checkup", "state", "cmd/orobridge/show"}},
	{"cmd/orobridge/rehearsal", below{"formats", "bridge", "bridge/config", "bridge/operate", "bridge/oro/orotest", "bridge/sftpd",
		"cmd/orobridge/erp", "cmd/orobridge/show"}},
	{"scripts", anything},
}

type (
	room struct {
		name    string
		imports below
	}
	below []string
)

var anything = below{"*"}

// forTests are the rooms that nothing which ships may import; but the program brings the shop in a box along.
var forTests = []string{"bridge/sftp/sftptest", "formats/hostiletest", "bridge/remotetest", "state/ledgertest", "state/postgres/postgrestest",
	"state/sqlite/sqlitetest", "bridge/bridgetest",
	"bridge/crashtest"}

// roomOf finds the room of a package: the one whose name is the longest beginning of its path.
func roomOf(pkg string) (found room) {
	for _, r := range rooms {
		if (pkg == r.name || strings.HasPrefix(pkg, r.name+"/")) && len(r.name) > len(found.name) {
			found = r
		}
	}
	return found
}

// A packageOf is what the tests below look at in a package: its files that are no tests.
type packageOf struct {
	path  string
	files map[string]*ast.File
	texts map[string]string
}

// product is all packages of the module.
func product(t *testing.T) map[string]*packageOf {
	t.Helper()
	all, err := readProduct()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 30 {
		t.Fatalf("only %d packages were found", len(all))
	}
	return all
}

var readProduct = sync.OnceValues(func() (map[string]*packageOf, error) {
	all := map[string]*packageOf{}
	err := filepath.WalkDir("..", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && d.Name() != ".."):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), p, text, parser.ParseComments)
		if err != nil {
			return err
		}
		name, err := filepath.Rel("..", filepath.Dir(p))
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if all[name] == nil {
			all[name] = &packageOf{name, map[string]*ast.File{}, map[string]string{}}
		}
		all[name].files[path.Join(name, filepath.Base(p))], all[name].texts[path.Join(name, filepath.Base(p))] = file, string(text)
		return nil
	})
	return all, err
})

func TestARoomImportsOnlyRoomsBelowIt(t *testing.T) {
	for _, pkg := range product(t) {
		from := roomOf(pkg.path)
		if from.name == "" {
			t.Errorf("%s is in no room: say what it may import", pkg.path)
		}
		for name, file := range pkg.files {
			for _, spec := range file.Imports {
				what, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				to, ours := strings.CutPrefix(what, module)
				if !ours {
					continue
				}
				into := roomOf(to).name
				switch {
				case into == from.name:
				case slices.Contains(forTests, into) && !slices.Contains(forTests, from.name) && from.name != "scripts": // they do not ship
					t.Errorf("%s ships and imports %s, which is for tests", name, to)
				case !slices.Contains(from.imports, into) && !slices.Contains(from.imports, "*"):
					t.Errorf("%s: %s may not import %s", name, from.name, to)
				}
			}
		}
	}
}

func TestTheRoomsAreDrawnFromTheBottomToTheTop(t *testing.T) {
	stand := map[string]bool{}
	for _, r := range rooms {
		for _, b := range r.imports {
			if b != "*" && !stand[b] {
				t.Errorf("%s imports %s, which does not stand below it", r.name, b)
			}
		}
		stand[r.name] = true
	}
}

func TestFormatsKnowNeitherNetworkNorSQL(t *testing.T) {
	for _, pkg := range product(t) {
		for name, file := range pkg.files {
			for _, spec := range file.Imports {
				what, _ := strconv.Unquote(spec.Path.Value)
				if roomOf(pkg.path).name == "formats" && (what == "net" || strings.HasPrefix(what, "net/") || what == "database/sql") {
					t.Errorf("%s imports %s", name, what)
				}
				if what == "database/sql" && !strings.HasPrefix(pkg.path, "state/") {
					t.Errorf("%s imports %s: SQL is the ledger's", name, what)
				}
			}
		}
	}
}

// Readers and writers work in the goroutine that asks them. That is why scripts/test leaves them out under the race detector.
func TestFormatsStartNoGoroutine(t *testing.T) {
	for _, pkg := range product(t) {
		for name, file := range pkg.files {
			if roomOf(pkg.path).name != "formats" {
				continue
			}
			ast.Inspect(file, func(n ast.Node) bool {
				call, _ := n.(*ast.SelectorExpr)
				if _, starts := n.(*ast.GoStmt); starts || call != nil && call.Sel.Name == "Go" {
					t.Errorf("%s starts a goroutine", name)
				}
				return true
			})
		}
	}
}

// mostMethods is how many methods a type may have: one with more is several.
const mostMethods = 40

func TestNoTypeHasMoreThanFortyMethods(t *testing.T) {
	for _, pkg := range product(t) {
		methods := map[string]int{}
		for _, file := range pkg.files {
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil {
					methods[pkg.path+"."+receiver(f.Recv.List[0].Type)]++
				}
			}
		}
		for name, n := range methods {
			if n > mostMethods {
				t.Errorf("%s has %d methods: make it several types, each of which tells one thing", name, n)
			}
		}
	}
}

// receiver is the name of a method's type.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// mostLines is how many lines a package may have without its tests. Three are as large as what they stand for: SAP's messages,
// the shop's API, and that API from its other side.
const mostLines = 5000

var large = map[string]bool{"formats/idoc": true, "bridge/oro": true, "bridge/oro/orotest": true}

func TestNoPackageIsTooLarge(t *testing.T) {
	for _, pkg := range product(t) {
		n := 0
		for _, text := range pkg.texts {
			n += strings.Count(text, "\n")
		}
		if n > mostLines && !large[pkg.path] {
			t.Errorf("%s has %d lines without its tests", pkg.path, n)
		}
	}
}

// mostColumns is how long a line may be.
const mostColumns = 140

// tagged are lines that Go does not let break: a struct's field with what its users read about it.
var tagged = regexp.MustCompile("^\\s+\\w+ .*`[a-z]+:\".*`")

func TestLinesAreShort(t *testing.T) {
	for _, pkg := range product(t) {
		for name, text := range pkg.texts {
			number := 0
			for line := range strings.Lines(text) {
				number++
				line = strings.TrimRight(line, "\n")
				if n := utf8.RuneCountInString(line); n > mostColumns && !tagged.MatchString(line) {
					t.Errorf("%s:%d has %d columns", name, number, n)
				}
			}
		}
	}
}

func TestEachPackageSaysWhatItIs(t *testing.T) {
	for _, pkg := range product(t) {
		said := slices.ContainsFunc(slices.Collect(maps.Values(pkg.files)), func(f *ast.File) bool { return f.Doc != nil })
		if !said && !strings.HasPrefix(pkg.path, "scripts/") {
			t.Errorf("%s has no comment that says what may go in", pkg.path)
		}
	}
}

func TestACommentNamesWhatStandsBelowIt(t *testing.T) {
	for _, pkg := range product(t) {
		names := map[string]bool{}
		var said []*ast.Ident
		comments := map[*ast.Ident]*ast.CommentGroup{}
		note := func(name *ast.Ident, doc *ast.CommentGroup) {
			names[name.Name] = true
			said, comments[name] = append(said, name), doc
		}
		for _, file := range pkg.files {
			for _, d := range file.Decls {
				switch d := d.(type) {
				case *ast.FuncDecl:
					note(d.Name, d.Doc)
				case *ast.GenDecl:
					for _, s := range d.Specs {
						if s, ok := s.(*ast.TypeSpec); ok {
							note(s.Name, cmp.Or(s.Doc, d.Doc))
						}
					}
				}
			}
		}
		for _, name := range said {
			first, _, _ := strings.Cut(comments[name].Text(), " ")
			switch {
			case first == name.Name:
			case strings.EqualFold(first, name.Name), names[first] && token.IsExported(first) == name.IsExported():
				t.Errorf("%s: the comment of %s begins with %s", pkg.path, name.Name, first)
			case first == "" && name.IsExported() && !large[pkg.path] && comments[name] == nil && !isMethod(pkg, name):
				t.Errorf("%s: %s has no comment", pkg.path, name.Name)
			}
		}
	}
}

// isMethod says whether a name is a method's: those of an interface are told where it is declared.
func isMethod(pkg *packageOf, name *ast.Ident) bool {
	for _, file := range pkg.files {
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name == name {
				return f.Recv != nil
			}
		}
	}
	return false
}

// TestTheDocumentsNameWhatIsThere holds the files and rooms that the documents for developers name.
func TestTheDocumentsNameWhatIsThere(t *testing.T) {
	text, err := os.ReadFile("../.github/CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(text)
	for _, m := range regexp.MustCompile("`([a-z./_]+(?:/[a-zA-Z._]+)+)`").FindAllStringSubmatch(doc, -1) {
		if strings.Contains(m[1], "NAME") || strings.HasPrefix(m[1], "./") {
			continue // of something that does not exist yet
		}
		if _, err := os.Stat(filepath.Join("..", m[1])); err != nil {
			t.Errorf("CONTRIBUTING.md names %s: %v", m[1], err)
		}
	}
	for _, r := range rooms {
		if !strings.Contains(doc, "`"+r.name+"`") {
			t.Errorf("CONTRIBUTING.md does not say what may go into %s", r.name)
		}
	}
}
