package orotest

import (
	"slices"
	"strings"
)

// visibility says who sees a product. Its id is made of those of the product and of who it is for.
func visibility(name string, who string, to string, levels ...string) resource {
	r := resource{
		name: name, untitled: true, bare: true, ids: joined, actions: reading | writing | batching, secures: "-", business: []string{"product"},
		fields: []field{
			{name: "visibility", checks: []rule{levelOf(levels)}},
			{
				name: "product", kind: one, to: "products", index: true, cascade: true, frozen: true, bare: true,
				checks: []rule{present},
			},
		},
		unique: []unique{{
			fields: []string{"product"}, detail: "The visibility entity already exists.", enforced: true, onCreate: true, last: true,
		}},
	}
	if who != "" {
		r.fields = append(r.fields, field{
			name: who, kind: one, to: to, index: true, cascade: true, frozen: true, bare: true, checks: []rule{present},
		})
		r.business = append(r.business, who)
		r.unique[0].fields = append(r.unique[0].fields, who)
	}
	return r
}

var _ = register(
	visibility("productvisibilities", "", "", "category", "config", "hidden", "visible"),
	visibility("customerproductvisibilities", "customer", "customers", "customer_group", "current_product", "category", "hidden", "visible"),
	visibility("customergroupproductvisibilities", "customerGroup", "customergroups", "current_product", "category", "hidden", "visible"),
)

// levelOf wants a level of visibility; that of the category is for products that have one.
func levelOf(levels []string) rule {
	return func(e *entity, f *field) {
		product := e.one("product")
		if product == nil {
			return
		}
		there := levels
		if product.ref("category") == 0 {
			there = slices.DeleteFunc(slices.Clone(levels), func(s string) bool { return s == "category" })
		}
		if e.raw(f.name) == "" || !slices.Contains(there, e.text(f.name)) {
			e.violate("visibility type", f.name, "The value should be one of %s.", strings.Join(there, ", "))
		}
	}
}

// present wants a relation to lead somewhere, in the words of a plain not-null constraint.
func present(e *entity, f *field) {
	if e.ref(f.name) == 0 && !e.invalid[f.name] {
		e.violate("not null", f.name, "This value should not be null.")
	}
}
