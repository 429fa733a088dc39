package oro

import (
	"net/http"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// TestCustomerUsers: the people of a customer come, change and are put to rest.
func TestCustomerUsers(t *testing.T) {
	shop, c := newShop(t)
	load(t, c, record(formats.Customers, "100", "name", "Müller"), record(formats.Customers, "101", "name", "Plain"))
	before := shop.Count("customerusers")
	load(t, c, record(formats.CustomerUsers, "ina@example.com", "customer_number", "100", "first_name", "Ina", "last_name", "Beispiel",
		"role", "Buyer", "enabled", "1"),
		record(formats.CustomerUsers, "uwe@example.com", "customer_number", "100", "first_name", "Uwe", "last_name", "Muster"))
	if n := shop.Count("customerusers") - before; n != 2 {
		t.Fatalf("%d users were created", n)
	}
	load(t, c, record(formats.CustomerUsers, "ina@example.com", "customer_number", "101", "last_name", "Neu", "role", "Administrator"))
	load(t, c, record(formats.CustomerUsers, "ina@example.com", "role", "", "enabled", "0"))
	load(t, c, record(formats.CustomerUsers, "uwe@example.com", "enabled", "1"))

	for name, tt := range map[string]struct {
		rec  *formats.Record
		want string
	}{
		"comma":            {record(formats.CustomerUsers, "a,b@example.com", "first_name", "A"), "nothing"},
		"unknown role":     {record(formats.CustomerUsers, "n@example.com", "role", "King"), `reject reference role: the shop has no customer user role "King"`},
		"unknown customer": {record(formats.CustomerUsers, "n@example.com", "customer_number", "99"), "missing customers 99"},
		"other case":       {record(formats.CustomerUsers, "INA@example.com", "first_name", "A"), "nothing"},
	} {
		got := "nothing"
		if l := find(t, c, tt.rec); l != (bridge.Lookup{}) {
			got = show(bridge.Outcome{Reject: l.Reject, Missing: l.Missing})
		}
		if !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}

	rec := record(formats.CustomerUsers, "uwe@example.com")
	send(t, c, &bridge.Batch{Entity: "customer_users", Changes: []*bridge.Change{{Op: bridge.Remove, Key: rec.Key, Record: rec}}})
	if l := find(t, c, record(formats.CustomerUsers, "uwe@example.com", "enabled", "", "first_name", "")); l.Found == nil || l.Found.Values[0].Text != "0" {
		t.Errorf("a removed user: %+v", l)
	}
	bad := plan(t, c, record(formats.CustomerUsers, "ina@example.com", "last_name", ""))
	if _, refused, err := c.Submit(t.Context(), bad); err != nil || refused[0].Reject == nil || refused[0].Reject.Field != "last_name" {
		t.Errorf("a user without a name: %+v, %v", refused, err)
	}
}

// TestUserWithSeveralRoles: a role that the shop's people gave beside the file's stays.
func TestUserWithSeveralRoles(t *testing.T) {
	_, c := newShop(t)
	load(t, c, record(formats.Customers, "100", "name", "Müller"))
	load(t, c, record(formats.CustomerUsers, "ina@example.com", "customer_number", "100", "first_name", "Ina", "last_name", "B", "role", "Buyer"))
	id := find(t, c, record(formats.CustomerUsers, "ina@example.com", "role", "Buyer")).Found.OroID
	it, roles := item{kind: "customerusers", id: id}, refs(nil)
	for _, role := range []string{"Administrator", "Buyer"} {
		ids, err := c.named(t.Context(), customerUserRoles, role)
		if err != nil || len(ids) != 1 {
			t.Fatal(ids, err)
		}
		roles = append(roles, ref{"customeruserroles", ids[0]})
	}
	it.points("userRoles", roles)
	if err := c.byHand(t, http.MethodPatch, "customerusers/"+id, single(&it)); err != nil {
		t.Fatal(err)
	}
	if got := find(t, c, record(formats.CustomerUsers, "ina@example.com", "role", "Buyer")); got.Found.Values[0].Text != "Buyer" {
		t.Errorf("%+v", got.Found)
	}
}

// TestGuestsAreNoUsers: who bought without logging in may have left the address of a user, or of two.
func TestGuestsAreNoUsers(t *testing.T) {
	_, c := newShop(t)
	load(t, c, record(formats.Customers, "100", "name", "Müller"))
	user := func(email string) *formats.Record {
		return record(formats.CustomerUsers, email, "customer_number", "100", "first_name", "Ina", "last_name", "B")
	}
	load(t, c, user("ina@example.com"), user("guest@example.com"))
	guest := find(t, c, user("guest@example.com")).Found.OroID
	it := item{kind: "customerusers", id: guest}
	it.set("email", "ina@example.com")
	it.raw("isGuest", "true")
	if err := c.byHand(t, http.MethodPatch, "customerusers/"+guest, single(&it)); err != nil {
		t.Fatal(err)
	}
	if l := find(t, c, user("ina@example.com")); l.Reject != nil || l.Found == nil || l.Found.OroID == guest {
		t.Errorf("%+v", l)
	}
	load(t, c, record(formats.CustomerUsers, "ina@example.com", "last_name", "New"))
	err := c.All(t.Context(), formats.CustomerUsers, nil, func(_ string, found bridge.Found) error {
		if found.OroID == guest {
			t.Error("all tells the guest")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
