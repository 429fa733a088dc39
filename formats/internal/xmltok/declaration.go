package xmltok

import (
	"bytes"
	"regexp"
)

// The declaration's grammar: version, then encoding, then standalone (XML 1.0, production 23).
var declarationForm = regexp.MustCompile(`^[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"1\.0"|'1\.0')` +
	`(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:"([A-Za-z][A-Za-z0-9._-]*)"|'([A-Za-z][A-Za-z0-9._-]*)'))?` +
	`(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\r\n]*$`)

func declaration(rest []byte) bool { return declarationForm.Match(rest) }

// Declared is the encoding that the XML declaration at the beginning of head names, empty when it names none. Head is
// in an encoding that agrees with ASCII there, as all are that need a declaration.
func Declared(head []byte) string {
	head = bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	if !bytes.HasPrefix(head, []byte("<?xml")) {
		return ""
	}
	end := bytes.Index(head, piEnd)
	if end < 0 {
		return ""
	}
	m := declarationForm.FindSubmatch(head[5:end])
	if m == nil {
		return ""
	}
	return string(m[1]) + string(m[2])
}
