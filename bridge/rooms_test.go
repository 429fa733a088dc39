package bridge_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/orobridge/orobridge/"

// mayImport says of rooms which others they may import; what stands below a room is another one. Nothing points back up, and
// adapters do not know one another: only cmd knows them all.
var mayImport = map[string][]string{
	"formats":                {},
	"bridge":                 {"formats"},
	"bridge/config":          {"bridge", "formats", "formats/envelope"},
	"bridge/inbound/spool":   {"bridge"},
	"bridge/inbound/trouble": {"bridge"},
	"bridge/inbound/order":   {"bridge"},
	"bridge/inbound/rows":    {"bridge", "bridge/config", "bridge/inbound/spool", "formats", "formats/envelope"},
	"bridge/inbound/plan":    {"bridge", "bridge/config", "bridge/inbound/order", "bridge/inbound/rows", "formats"},
	"bridge/inbound/apply":   {"bridge", "bridge/config", "bridge/inbound/trouble", "formats"},
	"bridge/inbound/answers": {"bridge", "bridge/config", "bridge/inbound/rows", "bridge/inbound/trouble", "formats"},
	"bridge/inbound/papers":  {"bridge", "bridge/config", "bridge/inbound/rows", "bridge/inbound/spool", "formats", "formats/envelope"},
	"bridge/inbound":         {"bridge", "bridge/config", "bridge/inbound/*", "formats", "formats/envelope", "formats/records"},
	"bridge/outbound":        {"bridge", "bridge/config", "formats", "formats/envelope"},
	"bridge/daemon":          {"bridge", "bridge/config", "bridge/inbound", "bridge/outbound", "formats"},
	"bridge/operate":         {"bridge", "bridge/config", "bridge/inbound", "bridge/inbound/*", "bridge/outbound", "formats", "formats/*"},
	"bridge/dir":             {"bridge"},
	"bridge/sftp":            {"bridge", "bridge/config", "formats"},
	"bridge/sftpd":           {"bridge", "bridge/config", "bridge/dir", "bridge/password", "formats"},
	"bridge/oro":             {"bridge", "bridge/config", "formats"},
	"bridge/web":             {"bridge", "bridge/config", "bridge/operate", "bridge/password"},
	"state/sqlite":           {"bridge", "formats"},
	"state":                  {"bridge", "formats", "state/*"},
}

// What a room holds at most, without its tests. The three that hold a table each (segments, resources, a shop's rules) may grow.
const (
	maxLines   = 5_000 // of a package
	maxMethods = 40    // of a type
)

var large = []string{"formats/idoc", "bridge/oro", "bridge/oro/orotest"}

// room is what the files of one package say.
type room struct {
	lines   int
	imports map[string]bool
	methods map[string]int // by type
}

func TestRoomsPointDownwardsAndStaySmall(t *testing.T) {
	rooms := readRooms(t)
	for name, may := range mayImport {
		if rooms[name] == nil {
			t.Errorf("there is no package %s", name)
			continue
		}
		for imported := range rooms[name].imports {
			inside, ours := strings.CutPrefix(imported, module)
			allowed := slices.ContainsFunc(may, func(m string) bool {
				below, all := strings.CutSuffix(m, "*")
				return m == inside || all && strings.HasPrefix(inside, below)
			})
			if ours && !allowed {
				t.Errorf("%s imports %s: an arrow that points back up, or to a neighbour", name, inside)
			}
		}
	}
	for name, r := range rooms {
		if r.lines > maxLines && !slices.Contains(large, name) {
			t.Errorf("%s has %d lines, more than %d: which part of it stands by itself?", name, r.lines, maxLines)
		}
		for typ, n := range r.methods {
			if n > maxMethods {
				t.Errorf("%s.%s has %d methods, more than %d: which parts is it made of?", name, typ, n, maxMethods)
			}
		}
		for imported := range r.imports {
			network := imported == "net" || strings.HasPrefix(imported, "net/") || imported == "database/sql"
			if network && strings.HasPrefix(name, "formats") && imported != "net/url" {
				t.Errorf("%s imports %s: formats are pure", name, imported)
			}
		}
	}
}

// readRooms reads the packages of the module by their folders.
func readRooms(t *testing.T) map[string]*room {
	rooms := map[string]*room{}
	files := token.NewFileSet()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != ".." && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		folder, err := filepath.Rel("..", filepath.Dir(path))
		if err != nil {
			return err
		}
		name := filepath.ToSlash(folder)
		if rooms[name] == nil {
			rooms[name] = &room{imports: map[string]bool{}, methods: map[string]int{}}
		}
		return rooms[name].read(files, path)
	})
	if err != nil {
		t.Fatal(err)
	}
	return rooms
}

func (r *room) read(files *token.FileSet, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	file, err := parser.ParseFile(files, path, text, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	r.lines += strings.Count(string(text), "\n")
	for _, i := range file.Imports {
		imported, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return err
		}
		r.imports[imported] = true
	}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil {
			r.methods[receiver(f.Recv.List[0].Type)]++
		}
	}
	return nil
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
	return "?"
}
