package page

import (
	"bytes"
	"html/template"
	"net/http"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"

	"github.com/orobridge/orobridge/bridge"
)

// markdown lays out the help's topics. Raw HTML in them is left out, and alignment is an attribute, since a style would be refused.
var markdown = goldmark.New(
	goldmark.WithExtensions(extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)), extension.Linkify),
	goldmark.WithParserOptions(parser.WithAutoHeadingID()))

type helpPage struct {
	Topics []Topic
	Name   string
	Text   template.HTML
}

func (s *Server) showHelp(c *call) error {
	s.show(c, http.StatusOK, "help", view{Title: c.T("Help"), Body: helpPage{Topics: s.Topics}})
	return nil
}

func (s *Server) showTopic(c *call) error {
	for _, t := range s.Topics {
		if t.Name != c.r.PathValue("topic") {
			continue
		}
		var b bytes.Buffer
		if err := markdown.Convert([]byte(t.Text), &b); err != nil {
			return err
		}
		s.show(c, http.StatusOK, "help", view{Title: t.Title, Body: helpPage{s.Topics, t.Name, template.HTML(b.String())}})
		return nil
	}
	return &bridge.Error{Op: "find", Object: "topic", Err: bridge.ErrUnknown, Hint: "see /help"}
}
