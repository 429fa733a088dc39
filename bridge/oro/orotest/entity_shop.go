package orotest

// What a shop is set up with: its organization, people, languages and places.

var _ = register(
	resource{
		name: "organizations", actions: reading, business: []string{"name"},
		fields: fields([]field{{name: "name", filter: single}, {name: "description"}}, undated, []field{
			{name: "enabled", kind: flag},
			toMany("businessUnits", "businessunits"), toMany("users", "users"),
		}),
	},
	resource{name: "businessunits", actions: reading, business: []string{"name"}, fields: []field{{name: "name"}}},
	resource{
		name: "users", actions: reading, business: []string{"username"}, title: []string{"firstName", "lastName"},
		fields: fields([]field{{name: "username", filter: single}, {name: "email", filter: single}}, personal, []field{
			{name: "birthday", kind: date}, {name: "enabled", kind: flag}, {name: "lastLogin", kind: moment},
		}, undated, []field{
			{name: "loginCount", kind: integer}, {name: "passwordRequestedAt", kind: moment},
			{name: "passwordChangedAt", kind: moment}, {name: "phone"}, {name: "title"}, {name: "externalId", filter: several},
			{name: "googleId"}, {name: "emails", kind: list, init: "[]"},
			toMany("groups", "usergroups"), toOne("owner", "businessunits"), toMany("businessUnits", "businessunits"),
			toMany("organizations", "organizations"), toMany("userRoles", "userroles"),
			toOne("organization", "organizations"), toOne("avatar", "files"), toMany("activityEmails", "emails"),
			toMany("activityCalls", "calls"), toOne("auth_status", "userauthstatuses"), toMany("tags", "tags"),
		}),
	},
	resource{name: "userauthstatuses", ids: code},
	resource{name: "websites"},
	resource{
		name: "localizations", actions: reading, business: []string{"formattingCode"}, title: []string{"name"},
		fields: fields([]field{
			{name: "name", filter: single}, {name: "formattingCode", index: true}, {name: "rtlMode", kind: flag},
		}, dated, []field{
			{name: "languageCode", filter: several, unsorted: true}, toMany("titles", "localizedfallbackvalues"),
			toOne("parentLocalization", "localizations"),
			backTo("childLocalizations", "localizations", "parentLocalization"),
		}),
	},
	resource{
		name: "attributefamilies", actions: reading, business: []string{"code"},
		fields: fields([]field{{name: "code"}, {name: "isEnabled", kind: flag}}, undated, []field{
			toMany("labels", "localizedfallbackvalues"), toOne("owner", "organizations"), toOne("image", "files"),
		}),
	},
	resource{
		name: "countries", ids: code, actions: reading, secures: "-", business: []string{"id"}, title: []string{"name"},
		fields: []field{
			{name: "iso3Code"}, {name: "name", filter: single}, {name: "deleted", kind: flag, init: "false"},
			backTo("regions", "regions", "country"),
		},
	},
	resource{
		name: "regions", ids: code, actions: reading, secures: "-", business: []string{"id"}, title: []string{"name"},
		fields: []field{
			{name: "code"}, {name: "name", filter: single}, {name: "deleted", kind: flag, init: "false"},
			{name: "country", kind: one, to: "countries", index: true},
		},
	},
)
