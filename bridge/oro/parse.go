package oro

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// A parser reads a JSON:API document in one pass, since what the shop answers is most of what a load has to read. Names and types
// repeat in each record and are made once; the values of attributes stay parts of the body until somebody asks for them.
type parser struct {
	*jsontext.Decoder
	body          []byte
	names         map[string]string
	attributes    []attr
	relationships []relation
	refs          refs
}

// parseDocument reads an answer. Of members that stand twice the last one counts.
func parseDocument(body []byte) (*document, error) {
	p := &parser{body: body, names: map[string]string{}, Decoder: jsontext.NewDecoder(bytes.NewBuffer(body),
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
	doc := new(document)
	err := p.object(func(name string) (err error) {
		switch name {
		case "data":
			doc.Data, err = p.resources()
		case "included":
			doc.Included, err = p.resources()
		default:
			err = p.SkipValue()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, err := p.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("something stands behind the document: %w", err)
	}
	return doc, nil
}

// object reads an object, member by member; null is one without any.
func (p *parser) object(member func(name string) error) error {
	start, err := p.ReadToken()
	if err != nil || start.Kind() == 'n' {
		return err
	}
	if start.Kind() != '{' {
		return p.unexpected("an object")
	}
	for p.PeekKind() == '"' {
		name, err := p.word()
		if err != nil {
			return err
		}
		if err := member(name); err != nil {
			return err
		}
	}
	_, err = p.ReadToken()
	return err
}

// several reads what may be one value or a list of them; null is none, and many says that it is a list.
func (p *parser) several(one func() error) (many bool, err error) {
	switch p.PeekKind() {
	case 'n':
		return false, p.SkipValue()
	case '[':
	default:
		return false, one()
	}
	if _, err := p.ReadToken(); err != nil {
		return true, err
	}
	for kind := p.PeekKind(); kind != ']' && kind != 0; kind = p.PeekKind() {
		if err := one(); err != nil {
			return true, err
		}
	}
	_, err = p.ReadToken()
	return true, err
}

func (p *parser) unexpected(what string) error {
	return fmt.Errorf("at byte %d: %s was expected", p.InputOffset(), what)
}

// text reads a text; null is an empty one.
func (p *parser) text() (string, error) {
	if kind := p.PeekKind(); kind != '"' && kind != 'n' && kind != 0 {
		return "", p.unexpected("a text")
	}
	raw, err := p.ReadValue()
	return rawText(json.RawMessage(raw)), err
}

// word is a text that repeats.
func (p *parser) word() (string, error) {
	if kind := p.PeekKind(); kind != '"' {
		return p.text()
	}
	raw, err := p.ReadValue()
	if err != nil {
		return "", err
	}
	word, ok := p.names[string(raw)]
	if !ok {
		word = rawText(json.RawMessage(raw))
		p.names[string(raw)] = word
	}
	return word, nil
}

// raw reads any value as it stands in the body.
func (p *parser) raw() (json.RawMessage, error) {
	value, err := p.ReadValue()
	end := p.InputOffset()
	return json.RawMessage(p.body[end-int64(len(value)) : end : end]), err
}

// mostExpected is how many records room is made for at once.
const mostExpected = 1000

func (p *parser) resources() (resources, error) {
	all := make(resources, 0, 1)
	many, err := p.several(func() error {
		begun := p.InputOffset()
		r, err := p.resource()
		if all = append(all, r); len(all) == 1 { // the others are about as long
			all = slices.Grow(all, min((len(p.body)-int(begun))/int(p.InputOffset()-begun+1), mostExpected))
		}
		return err
	})
	if !many && len(all) == 0 {
		return nil, err
	}
	return all, err
}

func (p *parser) resource() (r resource, err error) {
	err = p.object(func(name string) (err error) {
		switch name {
		case "type":
			r.Type, err = p.word()
		case "id":
			r.ID, err = p.text()
		case "attributes":
			r.attributes, err = p.attributesOf()
		case "relationships":
			r.relationships, err = p.relationshipsOf()
		default:
			err = p.SkipValue()
		}
		return err
	})
	return r, err
}

// room makes a new list where the old one, parts of which are in use, is almost full: it would be copied to grow.
func room[T any](list []T) []T {
	if cap(list)-len(list) < 16 {
		return make([]T, 0, min(max(32, 2*cap(list)), 512))
	}
	return list
}

func (p *parser) attributesOf() ([]attr, error) {
	p.attributes = room(p.attributes)
	from := len(p.attributes)
	err := p.object(func(name string) error {
		raw, err := p.raw()
		p.attributes = append(p.attributes, attr{name, raw})
		return err
	})
	return p.attributes[from:len(p.attributes):len(p.attributes)], err
}

func (p *parser) relationshipsOf() ([]relation, error) {
	p.relationships = room(p.relationships)
	from := len(p.relationships)
	err := p.object(func(name string) error {
		r := relation{name: name}
		err := p.object(func(name string) (err error) {
			if name != "data" {
				return p.SkipValue()
			}
			r.to, r.many, err = p.refsOf()
			return err
		})
		p.relationships = append(p.relationships, r)
		return err
	})
	return p.relationships[from:len(p.relationships):len(p.relationships)], err
}

func (p *parser) refsOf() (to refs, many bool, err error) {
	p.refs = room(p.refs)
	from := len(p.refs)
	many, err = p.several(func() error {
		var to ref
		err := p.object(func(name string) (err error) {
			switch name {
			case "type":
				to.Type, err = p.word()
			case "id":
				to.ID, err = p.text()
			default:
				err = p.SkipValue()
			}
			return err
		})
		p.refs = append(p.refs, to)
		return err
	})
	return p.refs[from:len(p.refs):len(p.refs)], many, err
}
