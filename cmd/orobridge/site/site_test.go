package site

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge/admit/openid"
	"github.com/orobridge/orobridge/bridge/config"
)

// Who says who people are is asked as the config says, and sends them back to where they came from.
func TestTheProviderIsTheConfigs(t *testing.T) {
	if provider(&config.Admin{}) != nil {
		t.Error("there is one where nobody has named it")
	}
	p := provider(&config.Admin{URL: "https://bridge.example.com/", OIDC: &config.OIDC{Issuer: "https://login.example.com", ClientID: "a", Secret: "b",
		Claim: "roles", Scopes: []string{"profile"}}})
	want := openid.Options{Issuer: "https://login.example.com", ClientID: "a", Secret: "b", Claim: "roles", Scopes: []string{"profile"},
		Callback: "https://bridge.example.com/login/callback"}
	if diff := cmp.Diff(want, p.Options); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
