package bridgetest

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// ERP is the folder that plays the ERP's server: it puts files there, and takes them.
type ERP struct {
	t      testing.TB
	clock  *clock
	Folder string
}

// Files lists what stands below the feed's folder, without folders.
func (e *ERP) Files() []string {
	e.t.Helper()
	root := filepath.Join(e.Folder, "prices")
	list := []string{}
	e.Must(filepath.WalkDir(root, func(p string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			rel, _ := filepath.Rel(root, p)
			list = append(list, rel)
		}
		return err
	}))
	return list
}

// Stay checks which files stand below the feed's folder.
func (e *ERP) Stay(want ...string) {
	e.t.Helper()
	if got := e.Files(); !slices.Equal(got, want) {
		e.t.Errorf("the folder holds\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// Tick moves the clock.
func (e *ERP) Tick(d time.Duration) { _ = e.clock.Wait(context.Background(), d) }

// There lists the visible files of the orders' folder.
func (e *ERP) There() []string {
	e.t.Helper()
	entries, err := os.ReadDir(filepath.Join(e.Folder, "orders"))
	if err != nil {
		e.t.Fatal(err)
	}
	names := []string{}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") {
			names = append(names, entry.Name())
		}
	}
	return names
}

// Take takes an order file away, as the ERP does.
func (e *ERP) Take(name string) { e.Must(os.Remove(filepath.Join(e.Folder, "orders", name))) }

// Put writes a file into the orders' folder.
func (e *ERP) Put(name, content string) {
	e.Must(os.WriteFile(filepath.Join(e.Folder, "orders", name), []byte(content), 0o644))
}

// Must ends the test at an error.
func (e *ERP) Must(err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatal(err)
	}
}

// RejectFile is the one reject file of the products' feed.
func (e *ERP) RejectFile() []byte {
	e.t.Helper()
	files, err := filepath.Glob(filepath.Join(e.Folder, "products/rejected/*_rejects*"))
	if err != nil || len(files) != 1 {
		e.t.Fatalf("reject files: %v, %v", files, err)
	}
	body, err := os.ReadFile(files[0])
	if err != nil {
		e.t.Fatal(err)
	}
	return body
}

// Read is the content of a file of the feed's folder.
func (e *ERP) Read(name string) string {
	e.t.Helper()
	body, err := os.ReadFile(filepath.Join(e.Folder, "prices", name))
	e.Must(err)
	return string(body)
}

// Drop puts a file into a feed's folder.
func (e *ERP) Drop(feed, name, content string) {
	e.t.Helper()
	e.clock.Wait(context.Background(), time.Second)
	path := filepath.Join(e.Folder, feed, name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		e.t.Fatal(err)
	}
	now := e.clock.Now()
	if err := os.Chtimes(path, now, now); err != nil {
		e.t.Fatal(err)
	}
}

// Mkdir makes a folder below the remote's.
func (e *ERP) Mkdir(name string) { e.Must(os.MkdirAll(filepath.Join(e.Folder, name), 0o755)) }

// DropAll drops a file for each of five feeds; tag tells them from those of other rounds.
func (e *ERP) DropAll(tag string) {
	e.Drop("customers", "c"+tag+".csv", someCustomers)
	e.Drop("products", "p"+tag+".csv", someProducts)
	e.Drop("pricelists", "l"+tag+".csv", someLists)
	e.Drop("prices", "x"+tag+".csv", somePrices)
	e.Drop("inventory", "i"+tag+".csv", someInventory)
}

const (
	someCustomers = "customer_number,name,parent_number,street,city,postal_code,region,country\n" +
		"C-2,Branch,C-1,Main 2,Rochester,14608,US-NY,US\nC-1,Head,,,,,,\nC-3,Other,,,,,,\n"
	someProducts = "sku,name,unit,precision,more_units,status\nSKU1,Bolt,item,0,set:0:12,enabled\nSKU2,Nut,item,0,,enabled\n"
	someLists    = "name,currencies,active\nRetail,EUR USD,1\n"
	somePrices   = "price_list,sku,unit,quantity,currency,value\nRetail,SKU1,item,1,EUR,19.90\nRetail,SKU1,item,10,EUR,18.5\n" +
		"Retail,SKU2,item,1,EUR,0.99\n"
	someInventory = "sku,unit,quantity\nSKU1,item,10\nSKU2,item,0\n"
)
