// Package xmlorders writes outbound orders as XML by a template of one's own.
//
// Contract: the template is a text/template (https://pkg.go.dev/text/template) over a [Document]. Everything that it
// prints out of the order is escaped for element texts and attribute values alike, unless the pipeline ends in raw; what
// stands in the template itself is written as it is. The file is UTF-8, and a file that is not well-formed XML is an error,
// never written.
//
// The fields of an order are those of [formats.Order]: .ID .Identifier .Submitted .Updated .ExternalID .InternalStatus
// .PONumber .Customer.ExternalID .Customer.Name .User.Email .Currency .Subtotal .Discount .Shipping .Tax .Total .PaymentTerm
// .ShippingMethod .ShipUntil .Notes .Bill.Street .Ship.City … .Version .Flags, and .Lines with .Number .SKU .Product
// .FreeForm .Quantity .Unit .Price .RowTotal .ShipBy .Notes .KitParent. Amounts and quantities are plain decimals as text.
//
// Functions beside those of text/template:
//
//	date "20060102" .Submitted   a time in a form of package time, UTC; empty for none
//	fixed 2 .Total               an amount with exactly so many decimals, rounded half up
//	cents .Total                 an amount without its decimal point: 19.9 → 1990
//	dict "name" .Value …         several values for {{template "x" dict …}}
//	raw "…"                      not escaped; last in its pipeline
package xmlorders

import (
	"bytes"
	_ "embed"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/template"
	"text/template/parse"
	"time"

	"github.com/orobridge/orobridge/formats"
)

//go:embed default.tmpl
var standard string

// maxTemplate is the longest template in bytes.
const maxTemplate = 1 << 20

// Options describe the file. The zero value writes every field, by the package's own template.
type Options struct {
	Template string `yaml:"template" doc:"the template's text"`
	File     string `yaml:"template_file" doc:"file that holds the template; one of both, or none for the bridge's own"`

	open func(string) (io.ReadCloser, error)
}

// Document is what a template sees.
type Document struct {
	Orders []*formats.Order
}

var (
	_ formats.OrderFormat = (*Options)(nil)
	_ formats.FileReader  = (*Options)(nil)
)

// Extension is ".xml".
func (o *Options) Extension() string { return ".xml" }

// SetOpen implements formats.FileReader.
func (o *Options) SetOpen(open func(string) (io.ReadCloser, error)) { o.open = open }

// Check tries the template on an example.
func (o *Options) Check() error {
	key := "template"
	if o.File != "" {
		key = "template_file"
		if o.Template != "" {
			return formats.AtKey("template_file", errors.New("template is given as well: keep one"))
		}
		text, err := o.read()
		if err != nil {
			return formats.AtKey("template_file", err)
		}
		o.Template, o.File = text, ""
	}
	if err := o.WriteOrders(io.Discard, []*formats.Order{example()}); err != nil {
		return formats.AtKey(key, err)
	}
	return nil
}

func (o *Options) read() (string, error) {
	if o.open == nil {
		return "", errors.New("no files can be read here: write the template itself")
	}
	file, err := o.open(o.File)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxTemplate+1))
	if err == nil && len(text) > maxTemplate {
		err = fmt.Errorf("%s is longer than %d bytes", o.File, maxTemplate)
	}
	return string(text), err
}

// example is an order in which every list has an element.
func example() *formats.Order {
	return &formats.Order{Identifier: "1", Submitted: time.Unix(0, 0), Total: "0", Flags: []string{"total"},
		Lines: []formats.OrderLine{{Number: 1, Quantity: "1", Price: "0"}}, Discounts: []formats.NamedAmount{{Amount: "0"}}}
}

// WriteOrders writes a document that holds the orders.
func (o *Options) WriteOrders(w io.Writer, orders []*formats.Order) error {
	text := o.Template
	if text == "" {
		text = standard
	}
	t, err := template.New("orders").Option("missingkey=error").Funcs(functions).Parse(text)
	if err != nil {
		return err
	}
	for _, part := range t.Templates() {
		if part.Tree != nil {
			escape(part.Tree.Root)
		}
	}
	var buf bytes.Buffer
	if err := t.Execute(&buf, Document{Orders: orders}); err != nil {
		return err
	}
	if err := wellFormed(buf.Bytes()); err != nil {
		return fmt.Errorf("what the template makes is not XML: %w", err)
	}
	_, err = w.Write(buf.Bytes())
	return err
}

var functions = template.FuncMap{
	"date": func(form string, t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(form)
	},
	"fixed": func(places int, text string) (string, error) {
		a, err := amount(text)
		return a.Fixed(places), err
	},
	"cents": func(text string) (string, error) {
		a, err := amount(text)
		return a.Mul(formats.AmountOf(100)).Fixed(0), err
	},
	"dict":    dict,
	"raw":     func(v any) any { return v },
	"xmltext": escaped,
}

// dict hands several values to a template of the template.
func dict(pairs ...any) (map[string]any, error) {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %v is not a name", pairs[i])
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}

// amount reads an amount of an order; an empty one is 0.
func amount(text string) (formats.Amount, error) {
	if text == "" {
		return formats.Amount{}, nil
	}
	return formats.ParseAmount(text, formats.Conventions{})
}

// escaped is a value as XML text, in quotes or not. What XML has no characters for becomes U+FFFD.
func escaped(v any) (string, error) {
	var b strings.Builder
	err := xml.EscapeText(&b, []byte(fmt.Sprint(v)))
	return b.String(), err
}

// escape puts the escaper behind every pipeline that prints.
func escape(node parse.Node) {
	switch n := node.(type) {
	case *parse.ListNode:
		if n == nil {
			return
		}
		for _, inner := range n.Nodes {
			escape(inner)
		}
	case *parse.ActionNode:
		if len(n.Pipe.Decl) == 0 && !raw(n.Pipe) {
			n.Pipe.Cmds = append(n.Pipe.Cmds, &parse.CommandNode{NodeType: parse.NodeCommand, Pos: n.Pos,
				Args: []parse.Node{parse.NewIdentifier("xmltext").SetPos(n.Pos)}})
		}
	case *parse.IfNode:
		escapeBranch(&n.BranchNode)
	case *parse.RangeNode:
		escapeBranch(&n.BranchNode)
	case *parse.WithNode:
		escapeBranch(&n.BranchNode)
	}
}

func escapeBranch(n *parse.BranchNode) {
	escape(n.List)
	escape(n.ElseList)
}

// raw says that a pipeline ends in raw.
func raw(p *parse.PipeNode) bool {
	last := p.Cmds[len(p.Cmds)-1]
	id, ok := last.Args[0].(*parse.IdentifierNode)
	return ok && id.Ident == "raw"
}

// wellFormed reads a document to its end.
func wellFormed(text []byte) error {
	d := xml.NewDecoder(bytes.NewReader(text))
	elements := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			if elements == 0 {
				return errors.New("it has no element")
			}
			return nil
		}
		if err != nil {
			return err
		}
		if _, ok := token.(xml.StartElement); ok {
			elements++
		}
	}
}
