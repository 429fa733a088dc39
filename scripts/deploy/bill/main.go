// Command bill writes what a built program is made of: its licences (NOTICE) and its bill of materials (CycloneDX 1.6, JSON,
// https://cyclonedx.org/docs/1.6/json/). Both come from what the Go linker wrote into the program, not from go.mod.
package main

import (
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
)

func main() {
	log.SetFlags(0)
	program := flag.String("program", "", "the program")
	version := flag.String("version", "", "its version")
	moment := flag.String("time", "", "when it was made, RFC 3339")
	compiler := flag.String("compiler", "", "the C compiler")
	notice := flag.String("notice", "", "file to write the licences to")
	sbom := flag.String("sbom", "", "file to write the bill to")
	flag.Parse()
	info, err := buildinfo.ReadFile(*program)
	if err != nil {
		log.Fatal(err)
	}
	if err := writeNotice(*notice, info); err != nil {
		log.Fatal("licences: ", err)
	}
	if err := writeBill(*sbom, info, *version, *moment, *compiler); err != nil {
		log.Fatal("bill: ", err)
	}
}

// licences are the names of files that hold one.
var licences = regexp.MustCompile(`(?i)^(licen[sc]e|copying|notice|patents)([.-].*)?$`)

// writeNotice collects the licences of all modules, of Go and of what is linked from C. A module without one is an error.
func writeNotice(name string, info *debug.BuildInfo) error {
	var b strings.Builder
	b.WriteString("orobridge is licensed under the Apache License 2.0 (LICENSE). It contains what follows, under licences of their own.\n\n" +
		"SQLite is in the public domain (https://www.sqlite.org/copyright.html).\n" +
		"The C library is that of the compiler's target, the GNU C Library, under the LGPL 2.1 or later. It is linked statically: the\n" +
		"program's sources, with which it can be linked to another C library, are public, and scripts/release does it.\n")
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	root := strings.TrimSpace(string(out))
	if err := addLicences(&b, "Go, "+info.GoVersion, root); err != nil {
		return err
	}
	for _, m := range info.Deps {
		out, err := exec.Command("go", "mod", "download", "-json", m.Path+"@"+m.Version).Output()
		if err != nil {
			return fmt.Errorf("find %s: %w", m.Path, err)
		}
		var at struct{ Dir string }
		if err := json.Unmarshal(out, &at); err != nil {
			return err
		}
		if err := addLicences(&b, m.Path+" "+m.Version, at.Dir); err != nil {
			return err
		}
	}
	return os.WriteFile(name, []byte(b.String()), 0o644)
}

func addLicences(b *strings.Builder, what, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	found := false
	for _, e := range entries {
		if e.IsDir() || !licences.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "\n%s\n%s: %s\n%s\n\n%s\n", strings.Repeat("=", 80), what, e.Name(), strings.Repeat("=", 80),
			strings.TrimSpace(string(text)))
		found = true
	}
	if !found {
		return fmt.Errorf("%s has no licence in %s", what, dir)
	}
	return nil
}

type (
	bill struct {
		Format     string      `json:"bomFormat"`
		Spec       string      `json:"specVersion"`
		Version    int         `json:"version"`
		Metadata   metadata    `json:"metadata"`
		Components []component `json:"components"`
	}
	metadata struct {
		Timestamp  string     `json:"timestamp"`
		Component  component  `json:"component"`
		Properties []property `json:"properties"`
	}
	component struct {
		Type    string `json:"type"`
		Ref     string `json:"bom-ref"`
		Name    string `json:"name"`
		Version string `json:"version"`
		PURL    string `json:"purl"`
		Hashes  []hash `json:"hashes,omitempty"`
	}
	hash struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	property struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
)

func writeBill(name string, info *debug.BuildInfo, version, moment, compiler string) error {
	made := bill{Format: "CycloneDX", Spec: "1.6", Version: 1, Metadata: metadata{Timestamp: moment,
		Component:  component{Type: "application", Name: info.Main.Path, Version: version},
		Properties: []property{{"go", info.GoVersion}, {"cc", compiler}}}}
	made.Metadata.Component.identify()
	for _, s := range info.Settings {
		if s.Key == "GOARCH" || s.Key == "GOOS" || s.Key == "-tags" || s.Key == "-ldflags" {
			made.Metadata.Properties = append(made.Metadata.Properties, property{s.Key, s.Value})
		}
	}
	standard := component{Type: "library", Name: "stdlib", Version: strings.TrimPrefix(info.GoVersion, "go")}
	standard.identify()
	made.Components = append(made.Components, standard)
	for _, m := range info.Deps {
		c := component{Type: "library", Name: m.Path, Version: m.Version}
		c.identify()
		if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:")); err == nil && len(sum) == 32 {
			c.Hashes = []hash{{"SHA-256", hex.EncodeToString(sum)}}
		}
		made.Components = append(made.Components, c)
	}
	text, err := json.MarshalIndent(made, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o644)
}

// identify gives a component its package URL (https://github.com/package-url/purl-spec).
func (c *component) identify() {
	c.PURL = "pkg:golang/" + c.Name + "@" + c.Version
	c.Ref = c.PURL
}
