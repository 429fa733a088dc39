package config_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge/config"
)

func TestRedactLeavesNoSecret(t *testing.T) {
	text, err := config.Redact([]byte(`# the old password was s3cret-1
oro: { url: 'https://me:s3cret-2@shop.example.com', client_id: demo, client_secret: s3cret-3 } # s3cret-4
remotes:
  sap:
    kind: sftp
    user: oro
    password: &p s3cret-5
    pasword: *p
    passwort: s3cret-6
    password_env: SFTP_PASSWORD
    private_key_file: id_ed25519
    passphrase: ${PHRASE}
  more: { kind: ftp, secrets: [s3cret-7, { deep: s3cret-8 }] }
feeds:
  - name: products
    unwrap: [{ kind: pgp, key: s3cret-9, signers: [erp.asc] }]
    constants:
      name: |
        -----BEGIN OPENSSH PRIVATE KEY-----
        s3cret-10
webhook: { secret: s3cret-11 }
notify:
  - { name: ops, url: 'slack://s3cret-12@s3cret-13/s3cret-14', url_env: OPS_URL }
`), kinds)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "s3cret") {
		t.Errorf("a secret is left:\n%s", text)
	}
	for _, want := range []string{"client_id: demo", "password_env: SFTP_PASSWORD", "private_key_file: id_ed25519", "passphrase: ${PHRASE}",
		"://<secret>@shop.example.com", "name: products", "erp.asc",
		"name: ops", "url_env: OPS_URL"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
}

// FuzzRedact: what can be shown is YAML, is the same when it is made once more, and holds no secret of the places that have one.
func FuzzRedact(f *testing.F) {
	f.Add("oro: { url: 'https://me:s3cret@shop.example.com', client_secret: s3cret }\n")
	f.Add("remotes:\n  sap: { password: &p s3cret, more: *p }\n")
	f.Add("a: &a [*a]\n")
	f.Add("? [s3cret]\n: !!binary s3cret\n--- x\n")
	secrets := config.SecretsOf(kinds)
	f.Fuzz(func(t *testing.T, text string) {
		once, err := config.Redacted([]byte(text), secrets)
		if err != nil || len(bytes.TrimSpace(once)) == 0 { // nothing is shown as nothing, which is read as null
			return
		}
		again, err := config.Redacted(once, secrets)
		if err != nil || string(again) != string(once) {
			t.Errorf("%q is shown as %q, and that as %q, %v", text, once, again, err)
		}
	})
}
