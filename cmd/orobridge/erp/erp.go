// Package erp plays an ERP for the verbs that need one, demo and rehearse: an SFTP client that drops files slowly and takes order
// files away, and the files of an ERP of some size. It knows nothing of the bridge.
package erp

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
	"golang.org/x/text/encoding/charmap"
)

// ERP is an ERP that is connected to the bridge's door.
type ERP struct {
	ssh  *ssh.Client
	sftp *sftp.Client
}

// Files of an ERP: its key, and what pins the bridge's.
const (
	KeyFile   = "id_erp"
	HostsFile = "known_hosts"
)

// MakeKey makes a key to log in by, and writes it and its public half.
func MakeKey(file string) error {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	block, err := ssh.MarshalPrivateKey(key, "orobridge demo")
	if err != nil {
		return err
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(file, pem.EncodeToMemory(block), 0o600), os.WriteFile(file+".pub",
		ssh.MarshalAuthorizedKey(signer.PublicKey()), 0o644))
}

// User is the name that an ERP logs in by where it is free to choose.
const User = "erp"

// Dial logs in to a door.
func Dial(address, user, keyFile, knownHosts string) (*ERP, error) {
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey(key)
	if err != nil {
		return nil, err
	}
	pinned, err := knownhosts.New(knownHosts)
	if err != nil {
		return nil, err
	}
	conn, err := ssh.Dial("tcp", address, &ssh.ClientConfig{User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback: pinned, Timeout: 5 * time.Second})
	if err != nil {
		return nil, fmt.Errorf("log in to the SFTP server as %s: %w", user, err)
	}
	client, err := sftp.NewClient(conn)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &ERP{conn, client}, nil
}

// Close ends the connection. By then the server may have ended it: whatever there was to say came before.
func (e *ERP) Close() {
	_ = e.sftp.Close()
	_ = e.ssh.Close()
}

// Drop writes a file in pieces, under a temporary name, renames it, and puts a marker beside it if one is asked for.
func (e *ERP) Drop(ctx context.Context, f File, name string) error {
	tmp := path.Join(f.Folder, name+".part")
	file, err := e.sftp.Create(tmp)
	if err != nil {
		return fmt.Errorf("drop %s: %w", name, err)
	}
	const pieces = 4
	for i := range pieces {
		if _, err := file.Write(f.Body[len(f.Body)*i/pieces : len(f.Body)*(i+1)/pieces]); err != nil {
			return errors.Join(fmt.Errorf("drop %s: %w", name, err), file.Close())
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), file.Close())
		case <-time.After(50 * time.Millisecond):
		}
	}
	target := path.Join(f.Folder, name)
	if err := errors.Join(file.Close(), e.sftp.Rename(tmp, target)); err != nil {
		return fmt.Errorf("drop %s: %w", name, err)
	}
	if f.Marker == "" {
		return nil
	}
	marker, err := e.sftp.Create(target + f.Marker)
	if err != nil {
		return fmt.Errorf("drop marker of %s: %w", name, err)
	}
	return marker.Close()
}

// PickUp takes an order file away and returns what it holds.
func (e *ERP) PickUp(file string) ([]byte, error) {
	f, err := e.sftp.Open(file)
	if err != nil {
		return nil, fmt.Errorf("pick up %s: %w", file, err)
	}
	var body bytes.Buffer
	if _, err := io.Copy(&body, io.LimitReader(f, 1<<20)); err != nil {
		return nil, errors.Join(fmt.Errorf("pick up %s: %w", file, err), f.Close())
	}
	return body.Bytes(), errors.Join(f.Close(), e.sftp.Remove(file))
}

// File is a file that an ERP drops.
type File struct {
	Feed   string
	Folder string
	Name   string // %s is the round
	Marker string // the end of its marker's name; empty for none
	Body   []byte
}

// How much there is in the files.
const (
	Customers = 60
	Products  = 330
)

// Files makes the files of an ERP, with a few rows that can't be loaded.
func Files() ([]File, error) {
	var customers, products, prices, stock strings.Builder
	customers.WriteString("customer_number,name,parent_number,street,city,postal_code,region,country\n")
	for i := range Customers {
		parent := ""
		if i%6 != 0 {
			parent = fmt.Sprintf("C%05d", i/6*6)
		}
		fmt.Fprintf(&customers, "C%05d,Company %d,%s,%d Main Street,Rochester,14608,US-NY,US\n", i, i, parent, i+1)
	}
	customers.WriteString("C-THIS-NUMBER-IS-LONGER-THAN-THE-SHOP-ALLOWS,Company with a long number,,,,,,\n")
	products.WriteString("sku,name,unit,precision,more_units,status,inventory_status\n")
	prices.WriteString("PLTYP;MATNR;MAKTX;KMEIN;KSTBM;KONWA;KBETR\r\n")
	stock.WriteString("sku,unit,quantity\n")
	for i := range Products {
		sku := fmt.Sprintf("M%06d", i)
		fmt.Fprintf(&products, "%s,\"Part %d, 12 mm\",item,0,set:0:10,enabled,in_stock\n", sku, i)
		fmt.Fprintf(&prices, "01;%s;Teil %d f\u00fcr Geh\u00e4use;ST;1;EUR;%d,%02d\r\n", sku, i, i%90+1, i%100)
		fmt.Fprintf(&prices, "01;%s;Teil %d f\u00fcr Geh\u00e4use;KAR;1;EUR;%d,50\r\n", sku, i, (i%90+1)*9)
		fmt.Fprintf(&prices, "02;%s;Teil %d f\u00fcr Geh\u00e4use;ST;100;EUR;%d,%02d\r\n", sku, i, i%80+1, i%100)
		fmt.Fprintf(&stock, "%s,item,%d\n", sku, i*7%500+1)
	}
	prices.WriteString("01;M000001;Einheit fehlt;PAL;1;EUR;99,00\r\n")
	prices.WriteString("01;M000002;kein Betrag;ST;5;EUR;12,5O\r\n")
	prices.WriteString("01;M999999;noch nicht da;ST;1;EUR;7,00\r\n")
	stock.WriteString("M000003,set,a lot\n")
	latin, err := charmap.ISO8859_1.NewEncoder().String(prices.String())
	if err != nil {
		return nil, err
	}
	return []File{
		{"customers", "/out/customers", "customers_%s.csv", "", []byte(customers.String())},
		{"products", "/out/products", "products_%s.csv", "", []byte(products.String())},
		{"pricelists", "/out/pricelists", "lists_%s.csv", "", []byte("name,currencies,active\nRetail,EUR,1\nWholesale,EUR,1\n")},
		{"prices", "/out/prices", "KOND_%s.csv", ".ok", []byte(latin)},
		{"inventory", "/out/inventory", "stock_%s.csv", "", []byte(stock.String())},
	}, nil
}
