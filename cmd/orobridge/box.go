package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

// boxFlags are the choices of a shop in a box, by the words that the user types.
type boxFlags struct{ seed, version, fault, record string }

var shopGoods = map[string]orotest.Goods{"empty": orotest.Empty, "sample": orotest.Sample}

func (b *boxFlags) add(cmd *cobra.Command, seed string) {
	cmd.Flags().StringVar(&b.seed, "seed", seed, "what the shop holds at first: empty or sample")
	cmd.Flags().StringVar(&b.version, "version", string(orotest.V61), "the `release` of OroCommerce that it is: 6.1 or 7.0")
	cmd.Flags().StringVar(&b.fault, "fault", "", "`trouble` from the start, as in latency=200ms,429=20,races")
	cmd.Flags().StringVar(&b.record, "record", "", "`file` that every request is written to, a line each")
}

// open makes the shop, for its trouble, and can make others like it. Closing it closes its record too.
func (b *boxFlags) open(more ...orotest.Option) (*openedBox, error) {
	goods, ok := shopGoods[b.seed]
	if !ok {
		return nil, oneOfFlag("seed", b.seed, "empty", "sample")
	}
	release := orotest.Release(b.version)
	if !release.Known() {
		return nil, oneOfFlag("version", b.version, string(orotest.V61), string(orotest.V70))
	}
	trouble, err := orotest.ParseTrouble(b.fault)
	if err != nil {
		return nil, &usageError{message: "--fault: " + err.Error()}
	}
	opts := []orotest.Option{orotest.Version(release), orotest.Seed(goods), orotest.Credentials(shopClient, shopSecret)}
	opened := &openedBox{trouble: trouble}
	if b.record != "" {
		file, err := os.OpenFile(b.record, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, fmt.Errorf("record what is asked: %w", err)
		}
		opened.record = file
		opts = append(opts, orotest.Record(file))
	}
	opened.another = func() *orotest.Shop { return orotest.New(append(opts, more...)...) }
	opened.Shop = opened.another()
	return opened, nil
}

// openedBox is a shop in a box that a verb has opened.
type openedBox struct {
	*orotest.Shop
	another func() *orotest.Shop
	trouble orotest.Trouble
	record  io.Closer // nil: nothing is recorded
}

// Close stops the shop; then nothing is recorded any more.
func (b *openedBox) Close() error {
	err := b.Shop.Close()
	if b.record != nil {
		err = errors.Join(err, b.record.Close())
	}
	return err
}
