package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

// A shop in a process of its own: what a measured process has used begins with what its parent uses.
type shop struct {
	*exec.Cmd
	url string
}

// open starts a shop with so many products and orders, instead of the one before.
func (b *bench) open(products, orders int) error {
	if err := b.closeShop(); err != nil {
		return err
	}
	cmd := exec.Command(os.Args[0], "-shop", fmt.Sprintf("%d,%d", products, orders))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	url, err := bufio.NewReader(out).ReadString('\n')
	b.shop = &shop{cmd, strings.TrimSpace(url)}
	return err
}

func (b *bench) closeShop() error {
	if b.shop == nil {
		return nil
	}
	err := errors.Join(b.shop.Process.Kill(), ended(b.shop.Wait()))
	b.shop = nil
	return err
}

// serve is the process of a shop: it says where it is, and stays until it is killed.
func serve(holds string) error {
	products, orders, _ := strings.Cut(holds, ",")
	n, err := strconv.Atoi(products)
	m, orderErr := strconv.Atoi(orders)
	if err = errors.Join(err, orderErr); err != nil {
		return err
	}
	s := orotest.New()
	for i := range n {
		if _, err := s.AddProduct(sku(i), "Product", orotest.Unit{Code: "item"}); err != nil {
			return err
		}
	}
	_, err = s.AddPriceList("Retail EUR", "EUR")
	customer, customerErr := s.AddCustomer("Acme", "4711")
	if err = errors.Join(err, customerErr); err != nil {
		return err
	}
	for i := range m {
		_, err := s.SubmitOrder(orotest.Order{Identifier: fmt.Sprintf("ORD-%05d", i), Customer: customer,
			Lines: []orotest.Line{{SKU: sku(0), Quantity: "2", Price: "9.95"}}})
		if err != nil {
			return err
		}
	}
	if err := s.Start("127.0.0.1:0"); err != nil {
		return err
	}
	fmt.Println(s.URL())
	select {}
}
