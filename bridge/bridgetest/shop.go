package bridgetest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/formats"
)

// Writes counts the requests that may have changed the shop.
func (w *World) Writes() int {
	n := 0
	for _, r := range w.Shop.Journal() {
		if r.Method != "GET" && strings.HasPrefix(r.Path, "/admin/api/") {
			n++
		}
	}
	return n
}

// Stock puts products and a price list into the shop before the bridge knows of them.
func (w *World) Stock(skus ...string) (list string, products map[string]string) {
	w.T.Helper()
	products = map[string]string{}
	var err error
	for _, sku := range skus {
		if products[sku], err = w.Shop.AddProduct(sku, "Product "+sku, orotest.Unit{Code: "item"}); err != nil {
			w.T.Fatal(err)
		}
	}
	if list, err = w.Shop.AddPriceList("Retail", "EUR", "USD"); err != nil {
		w.T.Fatal(err)
	}
	return list, products
}

// InShop changes the price of a product in the shop behind the bridge's back. To change one or to take it away, the bridge has to
// know it.
func (w *World) InShop(op bridge.Op, sku, currency, value string) {
	w.T.Helper()
	key := "Retail|" + sku + "|item|1|" + currency
	values := []formats.Value{{Field: "value", Text: value}}
	c := &bridge.Change{Op: op, Key: key, Values: values,
		Record: &formats.Record{Entity: formats.Prices, Key: key, Values: values, Remove: op == bridge.Remove}}
	if op != bridge.Create {
		c.OroID = w.Link("prices", key).OroID
	}
	b := &bridge.Batch{Entity: "prices", Changes: []*bridge.Change{c}}
	var err error
	b.Operation, _, err = w.Client.Submit(w.T.Context(), b)
	w.Must(err)
	_, err = w.Client.Await(w.T.Context(), b)
	w.Must(err)
}

// Written lists the requests that may have changed the shop since the journal was reset.
func (w *World) Written() []string {
	var list []string
	for _, r := range w.Shop.Journal() {
		if r.Method != http.MethodGet && !strings.Contains(r.Path, "token") {
			list = append(list, r.Method+" "+r.Path)
		}
	}
	return list
}

// Call asks the shop's API as a person with the bridge's own rights would.
func (w *World) Call(method, path string) []byte {
	w.T.Helper()
	resp, err := http.PostForm(w.Shop.URL()+"/oauth2-token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"demo"},
		"client_secret": {"demo"}})
	if err != nil {
		w.T.Fatal(err)
	}
	var token struct {
		AccessToken string `json:"access_token"`
	}
	err = json.NewDecoder(resp.Body).Decode(&token)
	resp.Body.Close()
	if err != nil {
		w.T.Fatal(err)
	}
	req, err := http.NewRequest(method, w.Shop.URL()+"/admin/api"+path, nil)
	if err != nil {
		w.T.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token.AccessToken)
	req.Header.Set("Accept", "application/vnd.api+json")
	resp, err = http.DefaultClient.Do(req)
	if err != nil {
		w.T.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		w.T.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, body, err)
	}
	http.DefaultClient.CloseIdleConnections()
	return body
}

// ListID is the shop's id of a price list.
func (w *World) ListID(name string) string {
	w.T.Helper()
	var doc struct {
		Data []struct {
			ID         string
			Attributes struct{ Name string }
		}
	}
	if err := json.Unmarshal(w.Call("GET", "/pricelists?page[size]=-1"), &doc); err != nil {
		w.T.Fatal(err)
	}
	for _, d := range doc.Data {
		if d.Attributes.Name == name {
			return d.ID
		}
	}
	w.T.Fatalf("the shop has no price list %s", name)
	return ""
}
