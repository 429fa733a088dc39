package orotest

import (
	"encoding/base64"
	"path"
	"strings"
)

// Attachments of orders, and their files. The shop takes attachments of any resource, and files of other records' fields too.
var _ = register(
	resource{
		name: "attachments", untitled: true, actions: reading | writing, business: []string{"target", "comment"},
		fields: fields([]field{{name: "comment"}}, undated, []field{
			{name: "file", kind: one, to: "files", required: notBlank, index: true, takesAlong: true},
			{name: "owner", kind: one, to: "users", init: "1", keeps: true},
			{name: "organization", kind: one, to: "organizations", init: "1", keeps: true},
			{name: "target", kind: one, to: "orders", required: notBlank, index: true, cascade: true},
		}),
		complete: func(e *entity) {
			if file := e.ref("file"); file != 0 {
				f := e.edit(e.shop.tables["files"], file)
				f.ones[e.shop.tables["files"].byName["parent"].slot] = e.record.serial
				f.attrs[e.shop.tables["files"].byName["parentFieldName"].slot] = `"file"`
			}
		},
	},
	resource{
		name: "files", untitled: true, unlisted: true, actions: reading | creating | updating | deleting, secures: "-",
		business: []string{"originalFilename"},
		fields: fields([]field{
			{name: "uuid", readonly: true}, {name: "externalUrl", max: 1024, checks: []rule{stays}},
			{name: "mimeType", max: 100}, {name: "originalFilename", max: 255, checks: []rule{bareName}},
			{name: "fileSize", kind: integer}, {name: "parentFieldName", frozen: true},
			{name: "content", checks: []rule{decodable}},
		}, undated, []field{
			{name: "owner", kind: one, to: "users", init: "1", keeps: true},
			{name: "parent", kind: one, to: "attachments", index: true, cascade: true, frozen: true, fixed: true, checks: []rule{held}},
		}),
		complete: func(e *entity) {
			content, err := base64.StdEncoding.DecodeString(e.text("content"))
			if e.created {
				e.set("uuid", encode(newUUID()))
			}
			if err == nil && len(content) > 0 {
				e.set("fileSize", itoa(len(content)))
			}
		},
	},
)

// held wants a file to belong to something, and to one of its fields.
func held(e *entity, f *field) {
	if e.index >= 0 || e.existing {
		return
	}
	if e.ref(f.name) == 0 && !e.invalid[f.name] {
		e.violate("not blank", f.name, notBlank)
	}
	if !e.filled("parentFieldName") {
		e.violate("not blank", "parentFieldName", notBlank)
	}
}

func bareName(e *entity, f *field) {
	if name := e.text(f.name); name != path.Base(name) && name != "" {
		e.violate("filename without path", f.name, "The file name should not have a path.")
	}
}

// decodable wants the content of a file in base64, and a name beside it.
func decodable(e *entity, f *field) {
	if e.raw(f.name) == "" || !e.wish.sends(f.name) {
		return
	}
	if _, err := base64.StdEncoding.DecodeString(strings.TrimSpace(e.text(f.name))); err != nil {
		e.violate("form", "", "Cannot decode content encoded with MIME base64.")
	}
	if e.raw("originalFilename") == "" {
		e.violate("form", "", `The "content" field should be specified together with "originalFilename" field.`)
	}
}

// stays wants a file to be kept in the shop: a stock one allows no others.
func stays(e *entity, f *field) {
	if e.filled(f.name) {
		e.violate("external file url", f.name, "No external files and images are allowed. Allowed URLs RegExp can be configured on the "+
			"following page: System -> Configuration -> General Setup -> Upload Settings.")
	}
}
