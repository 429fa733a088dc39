package orotest

import "regexp"

var urlShape = &shape{
	pattern:    regexp.MustCompile(`(?i)^https?://([^\s/@]+@)?[^\s/:?#]+(:\d+)?([/?#]\S*)?$`),
	constraint: "url", detail: "This value is not a valid URL.",
}

var _ = register(
	resource{
		name: "webhooks", ids: guid, actions: reading | writing, business: []string{"notificationUrl", "topic"},
		fields: fields([]field{
			{name: "notificationUrl", required: notBlank, shape: urlShape}, {name: "enabled", kind: flag, init: "true"},
			{name: "verifySsl", kind: flag, init: "true"}, {name: "system", kind: flag, init: "false", readonly: true},
			{name: "secret", hidden: true},
		}, undated, ownedByUser, []field{
			{name: "topic", kind: one, to: "webhooktopics", required: notBlank, bare: true, index: true},
			{name: "format", kind: one, to: "webhookformats", required: notBlank, bare: true},
		}),
	},
	resource{
		name: "webhooktopics", plain: true, ids: code, asMade: true, whole: true, secures: "-", actions: reading, business: []string{"id"},
		fields: []field{{name: "label"}},
	},
	resource{
		name: "webhookformats", plain: true, ids: code, asMade: true, whole: true, secures: "-", actions: reading, business: []string{"id"},
		fields: []field{{name: "label"}},
	},
)
