package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge/config"
)

// Whoever looks at what a bridge works by sees each value, the defaults included, and no secret.
func TestSettingsShowWhatHoldsAndNoSecret(t *testing.T) {
	c, err := config.Load("testdata/config/every_key.good.yaml", kinds, testEnv)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, of := range []any{c.Feeds[0], c.Exports[0], c.Shops()[0], c.Remotes} {
		for _, s := range config.Settings(of) {
			fmt.Fprintf(&b, "%s: %s\n", s.Key, s.Value)
		}
	}
	all := b.String()
	for _, want := range []string{"\nentity: ", "\nmatch: ", "\nevery: ", "client_secret: <secret>\n", "\nfolders.archive: ", "\nformat."} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not in\n%s", want, all)
		}
	}
	for _, secret := range []string{"passphrase: secret", "PRIVATE KEY"} {
		if strings.Contains(all, secret) {
			t.Errorf("%q is in\n%s", secret, all)
		}
	}
}
