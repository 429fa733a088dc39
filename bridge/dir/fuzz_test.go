package dir_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/dir"
)

// FuzzNames: whatever somebody calls what they put into a folder, a listing has it under that name, what is fetched by a name is that file,
// and by no path anything beside the folder is read, moved or removed.
func FuzzNames(f *testing.F) {
	f.Add("a.csv", "../secret")
	f.Add("\xff\n.csv", "in/../../secret")
	f.Add("-rf *", "/../secret")
	f.Add("..a", "in/a.csv/../../../secret")
	f.Add("link", "in/link")
	f.Fuzz(func(t *testing.T, name, path string) {
		top := t.TempDir()
		in, secret := filepath.Join(top, "place", "in"), filepath.Join(top, "secret")
		if err := os.MkdirAll(in, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(name, "/\x00") || name == "." || name == ".." || os.WriteFile(filepath.Join(in, name), []byte("body"), 0o600) != nil {
			name = "" // the disk takes no such name
		}
		if err := os.Symlink(secret, filepath.Join(in, "link")); err != nil && name != "link" {
			t.Fatal(err)
		}
		r, err := dir.New("disk", &dir.Options{Path: filepath.Join(top, "place")})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		files, err := r.List(t.Context(), "in")
		if err != nil {
			t.Fatal(err)
		}
		listed := false
		for _, file := range files {
			listed = listed || file.Name == name && file.Size == 4 && !file.Special
		}
		if name != "" && !listed {
			t.Errorf("%q is not listed: %+v", name, files)
		}
		var got bytes.Buffer
		_, err = r.Fetch(t.Context(), "in/"+name, &got)
		if taken := bridge.SafeName(name) == nil; taken != (err == nil) || taken && got.String() != "body" {
			t.Errorf("%q is %q, %v", name, got.String(), err)
		}
		got.Reset()
		_, _ = r.Fetch(t.Context(), path, &got)
		_ = r.Move(t.Context(), path, "in/moved")
		_ = r.Remove(t.Context(), path)
		if b, err := os.ReadFile(secret); err != nil || string(b) != "secret" || strings.Contains(got.String(), "secret") {
			t.Errorf("by %q: %q of %q, %v", path, got.String(), b, err)
		}
	})
}
