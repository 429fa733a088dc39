package page

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/admit"
	"github.com/orobridge/orobridge/formats"
)

// spoken are the messages that stand in the page's templates and sources.
func spoken(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	files, err := filepath.Glob("templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	inTemplates := regexp.MustCompile(`(?:\.|\$v\.)T "((?:[^"\\]|\\.)*)"`)
	inSources := regexp.MustCompile(`(?:\.T\(|alert\{[^}]*What: |Title: |Unit: |First: |Second: |Said: |e\.Tone, e\.Said = "hold", )"([^"]*)"|problem = false, "([^"]*)"|return (?:false|until), "([^"]+)"|Problem = "([^"]*)"`)
	for _, file := range append(files, sources...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		re := inTemplates
		if strings.HasSuffix(file, ".go") {
			re = inSources
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range re.FindAllStringSubmatch(string(text), -1) {
			for _, key := range m[1:] {
				if key != "" {
					all[key] = true
				}
			}
		}
	}
	for _, words := range []map[string]string{titles, effects, deeds, todo} {
		for _, text := range words {
			all[text] = true
		}
	}
	for _, text := range admit.Troubles() {
		all[text] = true
	}
	for _, status := range []int{400, 403, 404, 409, 500, 503} {
		all[http.StatusText(status)] = true
	}
	for _, word := range []string{"how long", "median", "19 of 20 at most"} { // of charts of time
		all[word] = true
	}
	for word := range tones {
		if !slices.Contains(severity, word) && word != "good" && word != "busy" && word != "idle" {
			all[word] = true
		}
	}
	for _, n := range (bridge.Counts{}).Each() {
		all[n.Name] = true
	}
	for _, a := range bridge.Alarms() {
		all[string(a)] = true
	}
	for _, r := range []admit.Role{admit.Viewer, admit.Operator, admit.Admin} {
		all[r.String()] = true
	}
	for _, k := range []bridge.RunKind{bridge.FirstRun, bridge.ReRun, bridge.RetryRun, bridge.ParkedRun} {
		all[string(k)] = true
	}
	for _, k := range []bridge.EventKind{bridge.DropSeen, bridge.DropReady, bridge.DropClaimed, bridge.DropFetched, bridge.DropWaits, bridge.DropTrouble,
		bridge.DropHeld, bridge.DropSettled, bridge.DropPutAway, bridge.ManifestRead, bridge.RunStarted, bridge.RunEnded, bridge.DecisionTaken,
		bridge.PersonSeen, bridge.AlarmRaised, bridge.AlarmCleared, bridge.Noted} {
		all[string(k)] = true
	}
	for _, f := range []bridge.RowFate{bridge.FateCreated, bridge.FateUpdated, bridge.FateRemoved, bridge.FateAdopted, bridge.FateUnchanged,
		bridge.FateSuperseded, bridge.FateRejected, bridge.FateParked, bridge.FateWithdrawn} {
		all[string(f)] = true
	}
	for _, o := range []bridge.Op{bridge.Create, bridge.Update, bridge.Remove} {
		all[fmt.Sprint(o)] = true
	}
	return all
}

// Each message has a German text with the same blanks to fill, and no text stands for a message that nobody says.
func TestEachMessageIsSaidInGerman(t *testing.T) {
	all := spoken(t)
	if len(all) < 200 {
		t.Fatalf("only %d messages were found", len(all))
	}
	verbs := regexp.MustCompile(`%[a-z]`)
	for key := range all {
		text, ok := german[key]
		if _, is := counted[key]; is {
			continue
		}
		switch {
		case !ok:
			t.Errorf("%q is not said in German", key)
		case fmt.Sprint(verbs.FindAllString(key, -1)) != fmt.Sprint(verbs.FindAllString(text, -1)):
			t.Errorf("%q and %q have other blanks", key, text)
		}
	}
	for key := range german {
		if !all[key] {
			t.Errorf("nobody says %q", key)
		}
	}
	for key := range counted {
		if !all[key] && key != "%d bytes" {
			t.Errorf("nobody says %q", key)
		}
	}
}

func TestALanguageIsTheReaders(t *testing.T) {
	for _, test := range []struct{ cookie, accept, want string }{
		{"", "", "Today"}, {"", "de-AT,en;q=0.5", "Heute"}, {"", "fr, en;q=0.9, de;q=0.8", "Today"}, {"de", "en", "Heute"}, {"en", "de", "Today"}, {"xx'", "de", "Heute"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Language", test.accept)
		if test.cookie != "" {
			r.Header.Set("Cookie", languageCookie+"="+test.cookie)
		}
		if got := wordsFor(r).T("Today"); got != test.want {
			t.Errorf("%+v is greeted with %q", test, got)
		}
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Accept-Language", "de")
	w := wordsFor(r)
	for key, want := range map[string]string{"%d rows": "1 Zeile", "%d things need somebody": "Eine Sache braucht jemanden"} {
		if got := w.T(key, 1); got != want {
			t.Errorf("%q is %q", key, got)
		}
	}
	if got := w.T("%d rows", 12345); got != "12.345 Zeilen" {
		t.Errorf("it is %q", got)
	}
}

// Every reject has something to do about it.
func TestEachCodeHasSomethingToDo(t *testing.T) {
	for _, code := range []string{formats.CodeRagged, formats.CodeTooLong, formats.CodeEncoding, formats.CodeControl, formats.CodeQuote, formats.CodeMissing,
		formats.CodeAmount, formats.CodeDate, formats.CodeFlag, formats.CodeValue, formats.CodeExpr, formats.CodeKey, formats.CodeDuplicate,
		formats.CodeParent, formats.CodeReference, formats.CodeAmbiguous, formats.CodeShop, formats.CodeStructure, formats.CodeIncomplete} {
		if todo[code] == "" {
			t.Errorf("nothing is to be done about %s", code)
		}
	}
}
