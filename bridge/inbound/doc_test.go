package inbound_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheWayOfADropNamesEveryFile(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		if f != "doc.go" && !strings.HasSuffix(f, "_test.go") && !strings.Contains(string(doc), f) {
			t.Errorf("doc.go does not say where %s stands on a drop's way", f)
		}
	}
}
