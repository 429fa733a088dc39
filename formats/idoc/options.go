// Package idoc reads and writes SAP's IDocs, flat and as XML.
//
// Contract: a reader in, rows out whose columns are the entity's own, computed by the reading rules of the message
// (customers.go, products.go, conditions.go, feedback.go), so that a feed of standard messages needs no mapping; the
// raw fields that a mapping reads (KUNNR, E1KNVVM_ZTERM) stand beside them. The form, flat or XML, is recognised from
// the first bytes. Nothing is guessed that could cost money: what a rule does not understand is a reject.
//
// Limits: one IDoc is held in memory, at most 200,000 segments or 64 MB; a larger one is a FileError. Memory does not
// follow the file, but for a feed of price lists, which keeps the names of the lists.
//
// Sources of facts: SAP's parser and documentation exports of the types that the dictionary names (see dictionary.go);
// help.sap.com for the port's record layout, the ALPHA conversion and the qualifiers.
package idoc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/internal/charset"
	"github.com/orobridge/orobridge/formats/internal/xmltok"
)

// Options say which IDocs a feed reads and how. Their tags doc are the reference.
type Options struct {
	Encoding string            `yaml:"encoding" doc:"of a file without a byte order mark; utf-8 by default, for XML what its declaration says"`
	Clients  []string          `yaml:"clients" doc:"clients (MANDT) that are accepted, IDocs of others are rejected; all by default"`
	Test     string            `yaml:"test" doc:"IDocs that are marked as a test: reject by default, or accept"`
	Messages map[string]string `yaml:"messages" doc:"standard type of a system's own message types: { ZDEBMAS: DEBMAS }"`
	Zeros    string            `yaml:"zeros" doc:"leading zeros of numbers that are all digits: strip by default, or keep"`
	NoData   string            `yaml:"no_data" doc:"text that means that a field is not transferred, as reduced messages have it: / by default, none for no such text"`

	SalesOrg string `yaml:"sales_org" doc:"sales organisation (VKORG); any by default"`
	Channel  string `yaml:"channel" doc:"distribution channel (VTWEG); any by default"`
	Division string `yaml:"division" doc:"division (SPART); any by default"`
	Plant    string `yaml:"plant" doc:"plant (WERKS) from which raw columns of E1MARCM are taken, by default the only one; LOISTD: whose stock counts, by default that of all"`

	Names          []string          `yaml:"names" doc:"DEBMAS: fields of E1KNA1M whose texts, joined by blanks, are the customer's name: [NAME1, NAME2]; [NAME1] by default"`
	Languages      map[string]string `yaml:"languages" doc:"localization of each language that is read (SPRAS_ISO, else SPRAS): { EN: default, DE: de_DE }; by default English, or the only text there is"`
	Texts          map[string]string `yaml:"texts" doc:"long text (TDID) of a product's field; { description: GRUN } by default"`
	Precisions     map[string]int    `yaml:"precisions" doc:"decimals of quantities in a unit of the shop: { kg: 3 }; 0 by default"`
	ConditionTypes []string          `yaml:"condition_types" doc:"condition types (KSCHL) that are prices; by default all whose amount is per quantity"`
	IgnoreKeys     []string          `yaml:"ignore_keys" doc:"fields of E1KOMG that do not narrow a price for this feed"`
	PriceList      string            `yaml:"price_list" doc:"name of the list of conditions that name neither customer, group, list nor sales area; without it they are rejected"`

	Stock           []string          `yaml:"stock" doc:"LOISTD: fields of E1MARDM, else of E1MARCM, that are summed; [LABST] by default, what is free to use"`
	StockOf         string            `yaml:"stock_of" doc:"LOISTD: condition over a plant's and a storage location's fields under which its stock counts: WERKS in ['1000', '1100'] && LGORT != 'SCRP'; all counts by default"`
	Classes         bool              `yaml:"classes" doc:"CLFMAS: the class (E1KSSKM) of a material is its category; give a value list of category"`
	Characteristics map[string]string `yaml:"characteristics" doc:"CLFMAS, ARTMAS: attribute of the shop for each characteristic (E1AUSPM-ATNAM, E1BPE1AUSPRT-CHAR_NAME) that is read: { COLOR: color }"`

	Shipped     string   `yaml:"shipped" doc:"DESADV: condition over a delivery's fields under which its goods have left: E1EDL18_QUALF == 'PGI'; by default its goods issue has an actual date (E1EDT13 006, ISDD)"`
	ReturnKinds []string `yaml:"returns" doc:"DESADV: delivery types (LFART) and item categories (PSTYV) of goods that come back; [LR, LR2, REN, RENN] by default"`

	Dictionary string `yaml:"dictionary" doc:"CSV file with further segments, or with those of another release: segment, definition, parents, level, fields"`

	Receipt *Envelope `yaml:"receipt" doc:"control record of the STATUS (SYSTAT01) that tell what became of each IDoc; for receipts: [idoc]"`

	now   func() time.Time
	files func(name string) (io.ReadCloser, error)
	units map[string]string // value list of unit
	areas map[string]string // value list of region
	skip  []string          // canonical columns that the mapping feeds
	from  map[string]string // where canonical fields come from: SEGMENT-FIELD, several of them after blanks
	raw   []rawColumn

	addressed []string // columns that the mapping makes a user's e-mail address of

	shipped, stockOf *test // of the options of these names, once they are checked

	once    sync.Once
	dict    *Dictionary
	dictErr error
}

// The capabilities beyond formats.Format.
var (
	_ formats.Format       = (*Options)(nil)
	_ formats.Selector     = (*Options)(nil)
	_ formats.Clocked      = (*Options)(nil)
	_ formats.FileReader   = (*Options)(nil)
	_ formats.RejectCopier = (*Options)(nil)
	_ formats.Receipter    = (*Options)(nil)
)

// SetClock gives the clock that decides which prices are valid.
func (f *Options) SetClock(now func() time.Time) { f.now = now }

// noData is the text of a field that is not transferred, empty for none.
func (f *Options) noData() string {
	switch f.NoData {
	case "":
		return "/"
	case "none":
		return ""
	}
	return f.NoData
}

// Conventions are SAP's: a decimal point, and dates as YYYYMMDD.
func (f *Options) Conventions() formats.Conventions {
	return formats.Conventions{Decimal: ".", Date: "YYYYMMDD"}
}

// Check reports options that make no sense.
func (f *Options) Check() error {
	var all []error
	add := func(key string, err error) {
		all = append(all, formats.AtKey(key, err))
	}
	add("encoding", charset.Check(f.Encoding))
	add("test", oneOf(f.Test, "", "reject", "accept"))
	add("zeros", oneOf(f.Zeros, "", "strip", "keep"))
	for own, std := range f.Messages {
		if _, ok := messages[std]; !ok {
			add("messages", fmt.Errorf("%s is given as %s, which is none of the messages that are read: %s", own, std,
				strings.Join(slices.Sorted(maps.Keys(messages)), ", ")))
		}
	}
	for _, c := range f.Clients {
		if len(c) != 3 {
			add("clients", fmt.Errorf("%q is no client: three characters, in quotes", c))
		}
	}
	defaults := 0
	for _, l := range f.Languages {
		if l == defaultLanguage {
			defaults++
		}
	}
	if defaults > 1 {
		add("languages", errors.New("only one language can be the default"))
	}
	for _, field := range f.Names {
		add("names", oneOf(field, nameFields...))
	}
	for field := range f.Texts {
		add("texts", oneOf(field, "description", "short_description"))
	}
	for unit, n := range f.Precisions {
		if n < 0 || n > 9 {
			add("precisions", fmt.Errorf("%s: %d is not from 0 to 9", unit, n))
		}
	}
	_, err := f.dictionary()
	add("dictionary", err)
	if f.Receipt != nil {
		for _, err := range f.Receipt.check() {
			add("receipt", err)
		}
	}
	return errors.Join(all...)
}

func oneOf(s string, allowed ...string) error {
	if slices.Contains(allowed, s) {
		return nil
	}
	return fmt.Errorf("%q is none of %s", s, strings.TrimPrefix(strings.Join(allowed, ", "), ", "))
}

// SetOpen implements formats.FileReader: it opens the dictionary.
func (f *Options) SetOpen(open func(name string) (io.ReadCloser, error)) { f.files = open }

// dictionary is the built-in one, with the user's file when there is one.
func (f *Options) dictionary() (*Dictionary, error) {
	f.once.Do(func() { f.dict, f.dictErr = extended(f.Dictionary, f.files) })
	return f.dict, f.dictErr
}

// extended is the built-in dictionary with the segments of a file, when there is one.
func extended(name string, open func(name string) (io.ReadCloser, error)) (*Dictionary, error) {
	if name == "" {
		return Builtin(), nil
	}
	if open == nil {
		open = func(name string) (io.ReadCloser, error) { return os.Open(name) }
	}
	file, err := open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return Builtin().Extend(file)
}

// Rejects can't be built of cells: see [Options.CopyRejects].
func (f *Options) Rejects(io.Writer, []string) (formats.RejectWriter, error) {
	return nil, formats.ErrCopyRejects
}

// documents yields the IDocs of a file, in either form.
type documents interface {
	// next returns io.EOF after the last one. The Document is valid until the next call.
	next() (*Document, error)
}

// open recognises the form of a file. It returns nil, nil for an empty one.
func (f *Options) open(r io.Reader) (documents, error) {
	dict, err := f.dictionary()
	if err != nil {
		return nil, err
	}
	text, markup, err := decode(r, f.Encoding)
	if err != nil || text == nil {
		return nil, err
	}
	if markup {
		return newMarkup(text, dict), nil
	}
	return newFlat(text, dict)
}

// decode returns the file's text in UTF-8, nil when there is none, and whether it is XML.
func decode(r io.Reader, encoding string) (text *bufio.Reader, markup bool, err error) {
	raw := bufio.NewReaderSize(r, 4096)
	head, err := raw.Peek(512)
	if err != nil && err != io.EOF {
		return nil, false, err
	}
	if encoding == "" {
		encoding = xmltok.Declared(head)
	}
	decoded, err := charset.Decode(raw, encoding)
	if err != nil {
		return nil, false, &formats.FileError{Message: err.Error(), Hint: "set format.encoding"}
	}
	return form(bufio.NewReaderSize(decoded, 64<<10))
}

// form recognises flat IDocs and XML. It returns nil for an empty file.
func form(text *bufio.Reader) (*bufio.Reader, bool, error) {
	head, err := text.Peek(512)
	if err != nil && err != io.EOF {
		return nil, false, err
	}
	switch trimmed := bytes.TrimLeft(head, " \t\r\n"); {
	case len(trimmed) == 0 && err == io.EOF:
		return nil, false, nil
	case bytes.HasPrefix(trimmed, []byte("EDI_DC40")):
		return text, false, nil
	case bytes.HasPrefix(trimmed, []byte("<")):
		return text, true, nil
	}
	return nil, false, &formats.FileError{Pos: formats.Position{Line: 1}, Message: "the file is neither a flat IDoc (EDI_DC40 …) nor XML",
		Hint: "check format.kind and format.encoding"}
}
