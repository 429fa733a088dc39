package openid

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc/oidctest"
)

// answers are those of a provider, by path.
type answers map[string]string

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(a[r.URL.Path]))}, nil
}

const (
	issuer = "https://login.example.com"
	about  = `{"issuer":"` + issuer + `","authorization_endpoint":"` + issuer + `/auth","token_endpoint":"` + issuer + `/token",` +
		`"jwks_uri":"` + issuer + `/keys","id_token_signing_alg_values_supported":["ES256","HS256","none"]}`
	aboutPath = "/.well-known/openid-configuration"
)

// asks is a client of the provider that gives some answers.
func asks(a answers) *Provider {
	p := New(Options{Issuer: issuer, ClientID: "orobridge", Secret: "hush", Claim: "groups", Callback: "https://bridge.example.com/back"})
	p.http.Transport = a
	return p
}

var mine = Attempt{State: "S", Nonce: "N", Verifier: "V"}

// FuzzClaims: whatever stands in a token that the provider has signed, somebody is vouched for by a token of this provider alone, made for
// this client and this log-in, that names them and has not expired.
func FuzzClaims(f *testing.F) {
	good := fmt.Sprintf(`"iss":%q,"aud":"orobridge","nonce":"N","iat":1,"exp":%d`, issuer, time.Now().Add(1000*time.Hour).Unix())
	f.Add(`{` + good + `,"sub":"4711","preferred_username":"ann","groups":["desk",7]}`)
	f.Add(`{` + good + `,"sub":"4711","email":"ann@example.com","email_verified":true,"groups":"desk","azp":"orobridge"}`)
	f.Add(`{` + good + `,"sub":"4711","aud":["orobridge","shop"],"azp":"orobridge","nbf":1e9}`)
	f.Add(`{"sub":{},"aud":[[]],"exp":"1","nonce":null}`)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	keys := &oidctest.Server{PublicKeys: []oidctest.PublicKey{{PublicKey: key.Public(), KeyID: "k", Algorithm: "ES256"}}}
	keys.SetIssuer(issuer)
	w := httptest.NewRecorder()
	keys.ServeHTTP(w, httptest.NewRequest("GET", "/keys", nil))
	a := answers{aboutPath: about, "/keys": w.Body.String()}
	p := asks(a)
	f.Fuzz(func(t *testing.T, claims string) {
		answer, err := json.Marshal(map[string]string{"access_token": "a", "token_type": "Bearer", "id_token": oidctest.SignIDToken(key, "k", "ES256", claims)})
		if err != nil {
			t.Fatal(err)
		}
		a["/token"] = string(answer)
		who, err := p.Person(t.Context(), mine, "code")
		if (who == nil) == (err == nil) {
			t.Fatalf("%+v, %v", who, err)
		}
		if who == nil {
			return
		}
		said := map[string]any{}
		if err := json.Unmarshal([]byte(claims), &said); err != nil {
			t.Fatalf("%+v by claims that are none: %v", who, err)
		}
		is := func(name, want string) (found bool) {
			for key, value := range said { // as encoding/json takes names
				list, _ := value.([]any)
				for _, v := range append(list, value) {
					text, _ := v.(string)
					found = found || strings.EqualFold(key, name) && text == want
				}
			}
			return found
		}
		if !is("iss", issuer) || !is("aud", "orobridge") || !is("nonce", mine.Nonce) || !is("sub", who.Subject) || who.Subject == "" || who.Name == "" {
			t.Errorf("%+v by %s", who, claims)
		}
	})
}

// FuzzProvider: whatever a provider answers that has signed nothing, nobody is vouched for, and people and secrets are sent to no address
// without TLS.
func FuzzProvider(f *testing.F) {
	token := `{"access_token":"a","token_type":"Bearer","id_token":"`
	f.Add(about, `{"keys":[]}`, token+`eyJhbGciOiJub25lIn0.e30."}`)
	f.Add(strings.Replace(about, "https:", "http:", 3), `{"keys":[{"kty":"oct","kid":"k","alg":"HS256","k":"AAAA"}]}`, token+`x.y"}`)
	f.Add(`{"issuer":"`+issuer+`"}`, `{`, `{"id_token":7}`)
	f.Add(`[]`, ``, `access_token=a&id_token=b`)
	f.Fuzz(func(t *testing.T, about, keys, token string) {
		p := asks(answers{aboutPath: about, "/keys": keys, "/token": token})
		to, err := p.Address(t.Context(), mine)
		if (to == "") == (err == nil) || err == nil && !safe(to) {
			t.Errorf("people are sent to %q, %v", to, err)
		}
		if who, err := p.Person(t.Context(), mine, "code"); who != nil || err == nil {
			t.Errorf("%+v comes in, %v", who, err)
		}
	})
}
