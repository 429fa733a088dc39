package main

import (
	"os"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"

	"github.com/orobridge/orobridge/bridge/config"
)

// rotated says of each secret of the config where it is played that two of them are good for a while: a file, and what stands in it.
var rotated = map[string]string{
	"oro.client_secret":           "testdata/script/rotate.txtar client_secret_file: secret-2",
	"shops.client_secret":         "testdata/script/rotate.txtar client_secret_file: secret-2",
	"remotes.private_key":         "testdata/script/rotate.txtar private_key_file: next_key",
	"remotes.passphrase":          "testdata/script/rotate.txtar passphrase_file: phrase",
	"remotes.password":            "testdata/script/passwords.txtar password_file: erp.password",
	"remotes.users.password_hash": "testdata/script/passwords.txtar password_hash_file: erp.hash",
	"feeds.unwrap.key":            "../../formats/envelope/pgp_test.go TestBothKeysAreGoodWhileTheyChange",
	"feeds.unwrap.passphrase":     "../../formats/envelope/pgp_test.go two keys with a passphrase each",
	"exports.encrypt.sign_key":    "../../formats/envelope/pgp_test.go TestBothKeysAreGoodWhileTheyChange",
	"exports.encrypt.passphrase":  "../../formats/envelope/pgp_test.go TestBothKeysAreGoodWhileTheyChange",
	"admin.users.password_hash":   "testdata/script/passwords.txtar password_hash_file: olga.hash",
	"webhook.secret":              "testdata/script/passwords.txtar secret_file: hook",
	"subscribers.secret":          "../../bridge/subscribe/subscribe_test.go s.Secret, s.OldSecret = newKey, oldKey",
	"subscribers.old_secret":      "../../bridge/subscribe/subscribe_test.go s.Secret, s.OldSecret = newKey, oldKey",
	// The other end keeps two of these: here one takes the place of the other with a reload, or a restart.
	"admin.oidc.client_secret": "testdata/script/addresses.txtar client_secret_file: client",
	"subscribers.url":          "testdata/script/addresses.txtar name: wms, url_file: wms",
	"notify.url":               "testdata/script/addresses.txtar name: ops, url_file: ops",
	"alarms.heartbeat.url":     "testdata/script/addresses.txtar url_file: beat",
	"alarms.watch.url":         "testdata/script/addresses.txtar name: south, url_file: south",
	"state.postgres":           "../../state/move_test.go TestASecondRoleGoesOnWithTheLedger",
}

// A secret that the config learns has its line in the table of how two of them are good for a while, and a test that plays it.
func TestEachSecretCanBeRotated(t *testing.T) {
	page, err := os.ReadFile("help/operation.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "## Rotating secrets and keys")
	table, _, _ = strings.Cut(table, "\n## ")
	found := map[string]bool{}
	secretsOf(config.Schema(kinds), "", found)
	if len(found) < 15 {
		t.Fatalf("the schema has only the secrets %v", found)
	}
	for key := range found {
		if !strings.Contains(table, "`"+key+"`") {
			t.Errorf("help/operation.md does not tell how %s is rotated", key)
		}
		if rotated[key] == "" {
			t.Errorf("no test plays that %s is rotated", key)
		}
	}
	for key, where := range rotated {
		if !found[key] {
			t.Errorf("the config has no secret %s", key)
		}
		path, what, _ := strings.Cut(where, " ")
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), what) {
			t.Errorf("%s: %s has no %q, %v", key, path, what, err)
		}
	}
}

// secretsOf collects the keys that have the three forms of a secret, by what they stand in; a list or a name of people's choice is no
// step.
func secretsOf(s *jsonschema.Schema, within string, found map[string]bool) {
	if s == nil {
		return
	}
	if s.Properties != nil {
		for pair := s.Properties.Oldest(); pair != nil; pair = pair.Next() {
			key := strings.TrimPrefix(within+"."+pair.Key, ".")
			_, file := s.Properties.Get(pair.Key + "_file")
			_, env := s.Properties.Get(pair.Key + "_env")
			if file && env {
				found[key] = true
			}
			secretsOf(pair.Value, key, found)
		}
	}
	secretsOf(s.Items, within, found)
	secretsOf(s.AdditionalProperties, within, found)
	for _, some := range [][]*jsonschema.Schema{s.OneOf, s.AnyOf, s.AllOf} {
		for _, one := range some {
			secretsOf(one, within, found)
		}
	}
}
