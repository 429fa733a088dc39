package oro

import (
	"context"
	"slices"
	"strconv"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// customerUsers are found by their e-mail address, which the shop checks when one is created alone, but does not keep unique
// among those that are created in batches (recorded: two of one batch). Guests, who bought without logging in, are none of them,
// though they may have the address of one.
type customerUsers struct{ *Client }

var customerUserDescriptor = descriptor{
	entity: formats.CustomerUsers,
	reads:  []origin{{"customerusers", ""}, {"customers", "a user's customer"}, {"customeruserroles", "a user's role"}},
	writes: []string{"customerusers"},
	open:   func(c *Client) entity { return customerUsers{c} },
}

var userRole = link{"role", "userRoles", customerUserRoles}

// userAttributes are the canonical fields that are attributes of the shop's.
var userAttributes = map[string]string{"first_name": "firstName", "last_name": "lastName", "enabled": "enabled"}

// query asks for what the fields need and no more.
func (u customerUsers) query(fields []string) query {
	want, q := "email,isGuest", make(query)
	for _, f := range fields {
		switch {
		case userAttributes[f] != "":
			want += "," + userAttributes[f]
		case f == "role":
			want += ",userRoles"
		case f == "customer_number":
			want += ",customer"
			q["include"], q["fields[customers]"] = "customer", u.customerKey
		}
	}
	q["fields[customerusers]"] = want
	return q
}

func (u customerUsers) find(ctx context.Context, records []*formats.Record) ([]bridge.Lookup, error) {
	answers := make([]bridge.Lookup, len(records))
	var ask []string
	for _, rec := range records {
		ask = append(ask, rec.Key)
	}
	type match struct {
		res      *resource
		included map[ref]*resource
		ids      []string
	}
	held := make(map[string]match)
	err := u.read(ctx, ask, u.query(fieldsOf(records)), func(r *resource, included map[ref]*resource) {
		email := r.text("email")
		held[email] = match{r, included, append(held[email].ids, r.ID)}
	})
	if err != nil {
		return nil, err
	}
	for i, rec := range records {
		m, ok := held[rec.Key]
		if len(m.ids) > 1 {
			_, o := only(m.ids, rec, "email", bridge.Missing{Entity: rec.Entity.Name, Key: rec.Key})
			answers[i].Reject = o.Reject
			continue
		}
		if answers[i].Reject, err = u.checkLinks(ctx, []link{userRole}, rec); err != nil {
			return nil, err
		}
		if !ok || answers[i].Reject != nil {
			continue
		}
		found := &bridge.Found{OroID: m.res.ID}
		for _, v := range rec.Values {
			text, err := u.value(ctx, m.res, m.included, v.Field, v.Text)
			if err != nil {
				return nil, err
			}
			found.Values = append(found.Values, formats.Value{Field: v.Field, Text: text})
		}
		answers[i].Found = found
	}
	return answers, u.findCustomers(ctx, records, answers)
}

// read asks for users by their addresses.
func (u customerUsers) read(ctx context.Context, emails []string, q query, each func(r *resource, included map[ref]*resource)) error {
	return u.lookup(ctx, "customerusers", "email", unique(emails), q, 2, func(doc *document) error {
		included := index(doc.Included)
		for i := range doc.Data {
			if r := &doc.Data[i]; r.text("isGuest") != "1" {
				each(r, included)
			}
		}
		return nil
	})
}

// findCustomers says which users wait for their customer.
func (u customerUsers) findCustomers(ctx context.Context, records []*formats.Record, answers []bridge.Lookup) error {
	waits := func(i int) string {
		number, _ := records[i].Get("customer_number")
		if answers[i].Reject != nil || records[i].Remove {
			return ""
		}
		if found := answers[i].Found; found != nil && slices.Contains(found.Values, formats.Value{Field: "customer_number", Text: number}) {
			return ""
		}
		return number
	}
	var numbers []string
	for i := range records {
		if n := waits(i); n != "" {
			numbers = append(numbers, n)
		}
	}
	ids, err := u.parents(ctx, formats.Customers, numbers)
	if err != nil {
		return err
	}
	for i, rec := range records {
		if n := waits(i); n != "" {
			if _, out := only(ids[n], rec, "customer_number", bridge.Missing{Entity: formats.Customers.Name, Key: n}); out != nil {
				answers[i] = bridge.Lookup{Missing: out.Missing, Reject: out.Reject}
			}
		}
	}
	return nil
}

// value is what the shop holds in a field, in canonical text. Of several roles it is the wanted one when the user has it: what
// else the shop's people let the user do stays.
func (u customerUsers) value(ctx context.Context, r *resource, included map[ref]*resource, field, want string) (string, error) {
	switch field {
	case "customer_number":
		if customer := included[r.one("customer")]; customer != nil {
			return customer.text(u.customerKey), nil
		}
		return "", nil
	case "role":
		held := ""
		for _, role := range r.many(userRole.relationship) {
			text, err := u.linkText(ctx, userRole, want, role.ID)
			if err != nil || text == want {
				return text, err
			}
			if held == "" {
				held = text
			}
		}
		return held, nil
	}
	return r.text(userAttributes[field]), nil
}

func (u customerUsers) all(ctx context.Context, fields []string, each func(string, bridge.Found) error) error {
	for doc, err := range u.pages(ctx, "customerusers", u.query(fields), pageSize) {
		if err != nil {
			return err
		}
		included := index(doc.Included)
		for i := range doc.Data {
			r := &doc.Data[i]
			if r.text("isGuest") == "1" {
				continue
			}
			found := bridge.Found{OroID: r.ID}
			for _, f := range sorted(fields) {
				text, err := u.value(ctx, r, included, f, "")
				if err != nil {
					return err
				}
				found.Values = append(found.Values, formats.Value{Field: f, Text: text})
			}
			if err := each(r.text("email"), found); err != nil {
				return err
			}
		}
	}
	return nil
}

// encode. A removal disables the user, who may have bought something.
func (u customerUsers) encode(ctx context.Context, changes []*bridge.Change) (*bundle, error) {
	if err := u.fill(ctx, changes); err != nil {
		return nil, err
	}
	var numbers []string
	for _, ch := range changes {
		for _, v := range ch.Values {
			if v.Field == "customer_number" && v.Text != "" {
				numbers = append(numbers, v.Text)
			}
		}
	}
	ids, err := u.parents(ctx, formats.Customers, numbers)
	if err != nil {
		return nil, err
	}
	out, batch := new(bundle), &part{resource: "customerusers"}
	for i, ch := range changes {
		if ch.Op != bridge.Create && ch.OroID == "" {
			out.refuse(i, &bridge.Outcome{Unknown: true})
			continue
		}
		it, bad, err := u.item(ctx, i, ch, ids)
		switch {
		case err != nil:
			return nil, err
		case bad != nil:
			out.refuse(i, bad)
		default:
			batch.add(i, it)
		}
	}
	out.parts = []*part{batch}
	return out, nil
}

// item encodes one user.
func (u customerUsers) item(ctx context.Context, i int, ch *bridge.Change, customers map[string][]string) (item, *bridge.Outcome, error) {
	it := item{kind: "customerusers", id: ch.OroID, meta: "update"}
	switch ch.Op {
	case bridge.Remove:
		it.raw("enabled", "false")
		return it, nil, nil
	case bridge.Create:
		it.id, it.meta = "u"+strconv.Itoa(i), ""
		it.set("email", ch.Key)
	}
	for _, v := range ch.Values {
		switch {
		case v.Field == "enabled":
			it.raw("enabled", strconv.FormatBool(v.Text == "1"))
		case v.Text == "" && v.Field == "role":
			it.points(userRole.relationship, nil)
		case v.Text == "":
			return it, &bridge.Outcome{Reject: reject(ch.Record, v.Field, formats.CodeMissing, "a user of the shop has a %s", v.Field)}, nil
		case v.Field == "customer_number":
			id, out := only(customers[v.Text], ch.Record, v.Field, bridge.Missing{Entity: formats.Customers.Name, Key: v.Text})
			if out != nil {
				return it, out, nil
			}
			it.point("customer", "customers", id)
		case v.Field == "role":
			id, bad, err := u.resolve(ctx, userRole.kind, ch.Record, v.Field, v.Text)
			if err != nil || bad != nil {
				return it, &bridge.Outcome{Reject: bad}, err
			}
			it.points(userRole.relationship, refs{{string(userRole.kind), id}})
		default:
			it.set(userAttributes[v.Field], v.Text)
		}
	}
	return it, nil, nil
}

func (u customerUsers) ids(ctx context.Context, keys []string) (map[string][]string, error) {
	found := make(map[string][]string, len(keys))
	err := u.read(ctx, keys, u.query(nil), func(r *resource, _ map[ref]*resource) {
		found[r.text("email")] = append(found[r.text("email")], r.ID)
	})
	return found, err
}

func (u customerUsers) names(ctx context.Context, links []bridge.Identity) (map[string][]string, error) {
	return u.keysByID(ctx, "customerusers", "email", links)
}

func (customerUsers) parent(ch *bridge.Change, relationship string) *bridge.Missing {
	if n, _ := valueOf(ch, "customer_number"); relationship == "customer" && n != "" {
		return &bridge.Missing{Entity: formats.Customers.Name, Key: n}
	}
	return nil
}

func (customerUsers) field(name string) string {
	for field, attribute := range userAttributes {
		if attribute == name {
			return field
		}
	}
	switch name {
	case "customer":
		return "customer_number"
	case userRole.relationship:
		return "role"
	}
	return name
}
