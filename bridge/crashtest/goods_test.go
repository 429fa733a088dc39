package crashtest

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// A file is what the ERP drops into a feed's folder.
type file struct {
	feed, name, body string
	at               time.Time // its time on the server
}

// waves are the load that all tests of this package bring in: first everything anew, then second versions. Each rule of
// the journey has rows that need it: parents that come later in the file, in the second wave, or never; keys that
// repeat; rows that planning, a look-up or the shop refuses; removals by row and by absence; a file that repeats an
// earlier one, and one that nobody can read. No key is created twice on purpose.
var waves = [][]file{
	{
		wave(0, "customers", "customers_1.csv", customersAnew()),
		wave(0, "products", "products_1.csv", productsAnew()),
		wave(0, "pricelists", "pricelists_1.csv", lists),
		wave(0, "prices", "prices_1.csv", pricesAnew()),
		wave(1, "prices", "prices_bad.csv", "price_list,sku,sku,unit,currency,value\nRetail,P01,P01,item,EUR,1\n"),
		wave(0, "offers", "offers_1.csv", offers(0, 20, 0)),
		wave(0, "inventory", "inventory_1.csv", stock(0)),
	},
	{
		wave(10, "customers", "customers_1_again.csv", customersAnew()),
		wave(11, "customers", "customers_2.csv", customersChanged()),
		wave(10, "pricelists", "pricelists_1_again.csv", lists),
		wave(10, "products", "products_2.csv", productsChanged()),
		wave(10, "prices", "prices_2.csv", pricesChanged()),
		wave(10, "offers", "offers_2.csv", offers(6, 20, 1)),
		wave(10, "inventory", "inventory_2.csv", stock(5)),
	},
}

// waveOf is the n-th wave of a load that goes on and on: the same two again and again, for a shop's feeds, with new customers and
// products each time. The whole list of offers stays that of the first products.
func waveOf(n int, prefix string) (files []file) {
	for _, f := range waves[n%len(waves)] {
		if season := n / len(waves); season > 0 {
			f.name = fmt.Sprintf("%d_%s", season, f.name)
			f.at = f.at.Add(time.Duration(season) * 20 * time.Minute)
			if f.feed != "offers" {
				f.body = goods.ReplaceAllString(f.body, fmt.Sprintf("$0-%d", season))
			}
		}
		f.feed = prefix + f.feed
		files = append(files, f)
	}
	return files
}

var goods = regexp.MustCompile(`\b[CP]\d\d\b`)

const lists = "name,currencies,active\nRetail,EUR USD,1\nOffers,EUR,1\nRetail,EUR USD,1\n"

// refused says that a record is one that the shop takes, looks at, and refuses. It may be sent again: nothing came of it.
func refused(created string) bool {
	return strings.Contains(created, "C94") || strings.Contains(created, "XXX") || strings.Contains(created, `"set"`)
}

// wave is a file of the given minute.
func wave(minute int, feed, name, body string) file {
	return file{feed, name, body, time.Date(2026, 11, 20, 6, minute, 0, 0, time.UTC)}
}

func customersAnew() string {
	var b strings.Builder
	b.WriteString("customer_number,name,parent_number,street,city,postal_code,region,country\n")
	for i := range 40 {
		parent := ""
		if i%4 == 0 && i+5 < 40 {
			parent = fmt.Sprintf("C%02d", i+5) // further down in the file
		}
		address := ",,,,"
		if i%5 == 0 {
			address = fmt.Sprintf("Main %d,Rochester,14608,US-NY,US", i)
		}
		fmt.Fprintf(&b, "C%02d,Company %d,%s,%s\n", i, i, parent, address)
	}
	b.WriteString("C91,Child of the late,C90,,,,,\n")
	b.WriteString("C90,Late,C99,,,,,\n") // whose parent comes in the second wave
	b.WriteString("C92,Orphan,C98,,,,,\n")
	b.WriteString("C03,Company 3 once more,,,,,,\n")
	b.WriteString("C-with-a-number-that-is-longer-than-the-shop-takes,Long,,,,,,\n")
	b.WriteString("C93,,,,,,,\n")
	b.WriteString("C94,Nowhere,,Main 1,Atlantis,1,QQ-YY,QQ\n")
	return b.String()
}

func customersChanged() string {
	var b strings.Builder
	b.WriteString("customer_number,name,parent_number\nC99,Head of the late,\n")
	for i := range 40 {
		name := fmt.Sprintf("Company %d", i)
		if i%3 == 0 {
			name += " Ltd."
		}
		fmt.Fprintf(&b, "C%02d,%s,\n", i, name)
	}
	b.WriteString("C00,Company 0 Inc.,C01\n")
	return b.String()
}

func productsAnew() string {
	var b strings.Builder
	b.WriteString("sku,name,unit,precision,more_units,status,brand\n")
	for i := range 30 {
		more := ""
		if i%3 == 0 {
			more = "set:0:12"
		}
		fmt.Fprintf(&b, "P%02d,Product %d,item,0,%s,enabled,\n", i, i, more)
	}
	b.WriteString("P07,Product 7 once more,item,0,,enabled,\nP90,Unknown brand,item,0,,enabled,Nobody\nP91,Unknown unit,barrel,0,,enabled,\n,Without a number,item,0,,enabled,\n")
	return b.String()
}

func productsChanged() string {
	var b strings.Builder
	b.WriteString("sku,name,unit,status,delete\n")
	for i := range 30 {
		name := fmt.Sprintf("Product %d", i)
		if i%4 == 0 {
			name += " improved"
		}
		gone := ""
		if i == 29 {
			gone = "X"
		}
		fmt.Fprintf(&b, "P%02d,%s,item,enabled,%s\n", i, name, gone)
	}
	b.WriteString("P40,Late product,item,enabled,\n")
	return b.String()
}

const priceHead = "price_list,sku,unit,quantity,currency,value,delete\n"

func pricesAnew() string {
	var b strings.Builder
	b.WriteString(priceHead)
	for i := range 30 {
		fmt.Fprintf(&b, "Retail,P%02d,item,1,EUR,%d.50,\nRetail,P%02d,item,10,EUR,%d.25,\n", i, 10+i, i, 9+i)
	}
	b.WriteString("Retail,P40,item,1,EUR,40,\n") // whose product comes in the second wave
	b.WriteString("Retail,P41,item,1,EUR,41,\n") // whose product never comes
	b.WriteString("Retail,P02,item,1,EUR,12.99,\nRetail,P03,item,5,EUR,many,\nRetail,P01,set,1,EUR,1,\nRetail,P04,item,1,XXX,1,\n")
	return b.String()
}

func pricesChanged() string {
	var b strings.Builder
	b.WriteString(priceHead)
	for i := range 30 {
		value, gone := fmt.Sprintf("%d.50", 10+i), ""
		switch i % 5 {
		case 0:
			value = fmt.Sprintf("%d.75", 10+i)
		case 1:
			gone = "1"
		}
		fmt.Fprintf(&b, "Retail,P%02d,item,1,EUR,%s,%s\n", i, value, gone)
	}
	b.WriteString("Retail,P41,item,1,EUR,41.41,\nRetail,P05,item,1,EUR,5.05,\n")
	return b.String()
}

// offers is a whole price list: what it lacks is removed.
func offers(from, to, cents int) string {
	var b strings.Builder
	b.WriteString(priceHead)
	for i := from; i < to; i++ {
		extra := 0
		if i%2 == 0 {
			extra = cents
		}
		fmt.Fprintf(&b, "Offers,P%02d,item,1,EUR,%d.%02d,\n", i, 5+i, 10+extra)
	}
	return b.String()
}

func stock(more int) string {
	var b strings.Builder
	b.WriteString("sku,unit,quantity,inventory_status\n")
	for i := range 30 {
		status := "in_stock"
		if i%10 == 9 {
			status = "out_of_stock"
		}
		fmt.Fprintf(&b, "P%02d,item,%d,%s\n", i, 100+i+more*(i%2), status)
	}
	b.WriteString("P42,item,1,in_stock\nP08,item,8,in_stock\n")
	return b.String()
}
