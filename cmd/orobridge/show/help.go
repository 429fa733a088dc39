package show

import (
	"github.com/orobridge/orobridge/cmd/orobridge/help"
	"golang.org/x/term"
)

// PrintDocument prints Markdown: as it is, or laid out where a person reads it.
func (p *Pen) PrintDocument(text string) error {
	if f, ok := p.Stdout.(interface{ Fd() uintptr }); ok && OnTerminal(p.Stdout) {
		width, _, err := term.GetSize(int(f.Fd()))
		if err != nil || width < 40 {
			width = 80
		}
		text = help.LayOut(text, min(width, 120))
	}
	_, err := p.Stdout.Write([]byte(text))
	return err
}
