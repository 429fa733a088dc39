package inbound_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/s2k"
	"github.com/ProtonMail/gopenpgp/v3/crypto"
	"github.com/ProtonMail/gopenpgp/v3/profile"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/envelope"
)

func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// zipped makes an archive of names and texts by turns.
func zipped(t *testing.T, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		w, err := z.Create(files[i])
		if err == nil {
			_, err = io.WriteString(w, files[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unzipped(t *testing.T, body []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(text)
	}
	return files
}

func wrappedFeed(unwrap string) string {
	return fmt.Sprintf("\nfeeds:\n  - { name: products, entity: products, remote: disk, folder: products, match: '*', "+
		"ready: { stable: 0s }, format: { kind: csv }, unwrap: %s }\n", unwrap)
}

const twoProducts = "sku,name,unit\nA-1,Chair,item\nB-1,Table,\n,Nothing,item\n"

func TestGzipIsUnwrappedAndWrappedAgain(t *testing.T) {
	w := bridgetest.NewWorld(t, wrappedFeed("[gzip]"))
	w.Drop("products", "p.csv.gz", string(gzipped(t, twoProducts)))
	w.Round()
	d, run := w.Last("products")
	if want := (bridge.Counts{Rows: 3, Created: 1, Rejected: 2}); run.Counts != want || d.State != bridge.Partial {
		t.Fatalf("%s %+v\n%s", d.State, run.Counts, strings.Join(w.Rejects(d), "\n"))
	}
	z, err := gzip.NewReader(bytes.NewReader(w.RejectFile()))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil || !strings.Contains(string(text), "B-1,Table,") || strings.Contains(string(text), "Chair") {
		t.Errorf("%s, %v", text, err)
	}
	w.NothingLeft()
}

// The files of an archive are one drop; positions, rejects and the reject file name the file.
func TestZipWithSeveralFiles(t *testing.T) {
	w := bridgetest.NewWorld(t, wrappedFeed("[{ kind: zip, match: '*.csv' }]"))
	w.Drop("products", "p.zip", string(zipped(t, "b.csv", "sku,name,unit\nC-1,Lamp,item\n", "a.csv", twoProducts, "readme.txt", "hello",
		"x/a.csv", "sku,name,unit\nD-1,,item\n")))
	w.Round()
	d, run := w.Last("products")
	if want := (bridge.Counts{Rows: 5, Created: 2, Rejected: 3}); run.Counts != want || d.State != bridge.Partial {
		t.Fatalf("%s %+v\n%s", d.State, run.Counts, w.Log)
	}
	var where []string
	err := w.Ledger.Rejects(t.Context(), bridge.RejectFilter{Run: run.ID}, func(r bridge.RejectRow) error {
		where = append(where, r.Pos.String())
		return nil
	})
	if got := strings.Join(where, "; "); err != nil || got != "a.csv line 3; a.csv line 4; a.csv (2) line 2" {
		t.Errorf("%s, %v", got, err)
	}
	if files := unzipped(t, w.RejectFile()); len(files) != 2 || strings.Contains(files["a.csv"], "Chair") ||
		!strings.Contains(files["a.csv (2)"], "D-1,,item") {
		t.Errorf("%q", files)
	}
	w.Drop("products", "q.zip", string(zipped(t, "a.csv", "sku,name,unit\nE-1,Sofa,item\n", "b.csv", "sku,title\nF-1,Bed\n")))
	w.Round()
	if d, run := w.Last("products"); d.State != bridge.Rejected || run.State != bridge.Failed ||
		!strings.Contains(d.Reason, "b.csv: has other columns") {
		t.Errorf("%s %q", d.State, d.Reason)
	}
	w.NothingLeft()
}

func TestBrokenWrappingsEndTheDrop(t *testing.T) {
	for name, c := range map[string]struct {
		unwrap string
		body   []byte
		want   string
	}{
		"no gzip": {"[gzip]", []byte(twoProducts), "can't be unwrapped"},
		"cut off": {"[gzip]", gzipped(t, twoProducts)[:30], "can't be unwrapped"},
		"a bomb":  {"[{ kind: gzip, max_size: 1MB }]", gzipped(t, strings.Repeat("0", 3<<20)), "raise max_size"},
		"no file": {"[{ kind: zip, match: '*.csv' }]", zipped(t, "a.txt", "x"), "no file in the archive fits"},
	} {
		t.Run(name, func(t *testing.T) {
			w := bridgetest.NewWorld(t, wrappedFeed(c.unwrap))
			w.Drop("products", "p.csv.gz", string(c.body))
			w.Round()
			if d, run := w.Last("products"); d.State != bridge.Rejected || run.State != bridge.Failed || run.Rows != 0 ||
				!strings.Contains(d.Reason, c.want) {
				t.Errorf("%s %q", d.State, d.Reason)
			}
			w.NothingLeft()
		})
	}
}

// keyPair writes the two halves of a new key into files.
func keyPair(t *testing.T, name string) (private, public string) {
	t.Helper()
	key, err := crypto.PGP().KeyGeneration().AddUserId(name, name+"@example.com").New().GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	cheap := profile.Default() // a passphrase is made a key in no time: tests do it over and over
	cheap.S2kKeyEncryption = &s2k.Config{S2KMode: s2k.IteratedSaltedS2K, S2KCount: 65536}
	locked, err := crypto.PGPWithProfile(cheap).LockKey(key, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := locked.Armor()
	if err != nil {
		t.Fatal(err)
	}
	open, err := key.GetArmoredPublicKey()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	private, public = filepath.Join(dir, name+".asc"), filepath.Join(dir, name+".pub")
	for file, text := range map[string]string{private: secret, public: open} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return private, public
}

// condition is an IDoc with one price from a day on.
func condition(number int, from, value string) string {
	return fmt.Sprintf(`<IDOC BEGIN="1"><EDI_DC40 SEGMENT="1"><MANDT>100</MANDT><DOCNUM>%016d</DOCNUM><MESTYP>COND_A</MESTYP></EDI_DC40>
<E1KOMG SEGMENT="1"><PLTYP>01</PLTYP><MATNR>A-1</MATNR><E1KONH SEGMENT="1"><DATAB>%s</DATAB><DATBI>99991231</DATBI>
<E1KONP SEGMENT="1"><KBETR>%s</KBETR><KONWA>EUR</KONWA><KMEIN>ST</KMEIN></E1KONP></E1KONH></E1KOMG></IDOC>
`, number, from, value)
}

// What is not valid yet is a reject, and running the rejects again loads it on its day and no earlier.
func TestRejectsOfIDocsRunAgainByTheReadersRules(t *testing.T) {
	w := bridgetest.NewWorld(t, `
feeds:
  - { name: prices, entity: prices, remote: disk, folder: prices, match: '*.xml', ready: { stable: 0s }, receipts: [idoc],
      values: { unit: { ST: item }, price_list: { '01': Retail } },
      format: { kind: idoc, receipt: { client: '100',
        sender: { port: OROBRIDGE, number: SHOP }, receiver: { port: SAPERP, number: ERPCLNT100 } } } }
`)
	w.B.In.Feeds[0].Format.(formats.Clocked).SetClock(w.Clock.Now)
	_, err := w.Shop.AddProduct("A-1", "Chair", orotest.Unit{Code: "item"})
	w.Must(err)
	_, err = w.Shop.AddPriceList("Retail", "EUR")
	w.Must(err)
	w.Drop("prices", "c.xml", "<COND_A04>"+condition(1, "20260101", "9.00")+condition(2, "20261201", "8.00")+"</COND_A04>")
	w.Round()
	d, run := w.Last("prices")
	if want := (bridge.Counts{Rows: 2, Created: 1, Rejected: 1}); run.Counts != want {
		t.Fatalf("%+v\n%s", run.Counts, strings.Join(w.Rejects(d), "\n"))
	}
	body := fileText(t, filepath.Join(w.Folder, "prices/rejected/c_r1_rejects.xml"))
	if !strings.Contains(body, "8.00") || strings.Contains(body, "9.00") || !strings.HasPrefix(body, "<COND_A04>") ||
		!strings.HasSuffix(body, "</COND_A04>") {
		t.Errorf("the reject file is\n%s", body)
	}
	statuses := func(run int) string {
		all := fileText(t, filepath.Join(w.Folder, fmt.Sprintf("prices/receipts/c.xml_r%d_receipt.idoc", run)))
		var found []string
		for _, m := range regexp.MustCompile(`(?s)<E1STATS.*?<DOCNUM>0+(\d+)</DOCNUM>.*?<STATUS>(\d+)</STATUS>`).FindAllStringSubmatch(all, -1) {
			found = append(found, m[1]+" "+m[2])
		}
		return strings.Join(found, ", ")
	}
	if got := statuses(1); got != "1 16, 2 17" {
		t.Errorf("the receipt says %s", got)
	}
	again := func() bridge.Counts {
		t.Helper()
		d, _ := w.Last("prices")
		_, err := w.B.In.Rerun(t.Context(), d, inbound.RerunOptions{Rejected: true}, bridge.Decision{})
		w.Must(err)
		w.Round()
		_, run := w.Last("prices")
		return run.Counts
	}
	if got := again(); got != (bridge.Counts{Rows: 1, Rejected: 1}) {
		t.Errorf("on the same day: %+v", got)
	}
	w.Later(15 * 24 * time.Hour)
	if got := again(); got != (bridge.Counts{Rows: 1, Updated: 1}) {
		t.Errorf("on its day: %+v", got)
	}
	if first, second := statuses(2), statuses(3); first != "2 17" || second != "2 16" {
		t.Errorf("the later receipts say %s and %s", first, second)
	}
}

func fileText(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A signed and encrypted file is loaded, an unsigned one is not, and the reject file is for the sender's eyes only.
func TestOpenPGP(t *testing.T) {
	ours, oursPublic := keyPair(t, "shop")
	theirs, theirsPublic := keyPair(t, "erp")
	w := bridgetest.NewWorld(t, wrappedFeed(fmt.Sprintf("[{ kind: pgp, key_file: %s, passphrase: secret, signers: [%s] }]",
		ours, theirsPublic)))
	sealed := func(s envelope.Seal) string {
		var b bytes.Buffer
		out, err := s.Writer(&b)
		if err == nil {
			_, err = io.WriteString(out, twoProducts)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	w.Drop("products", "p1.csv.pgp", sealed(envelope.Seal{Recipients: fileText(t, oursPublic)}))
	w.Round()
	if d, run := w.Last("products"); d.State != bridge.Rejected || run.Rows != 0 || !strings.Contains(d.Reason, "signature") {
		t.Fatalf("%s %q", d.State, d.Reason)
	}
	w.Drop("products", "p2.csv.pgp", sealed(envelope.Seal{Recipients: fileText(t, oursPublic), SignKey: fileText(t, theirs),
		Passphrase: "secret"}))
	w.Round()
	if d, run := w.Last("products"); d.State != bridge.Partial || run.Created != 1 || run.Rejected != 2 {
		t.Fatalf("%s %+v\n%s", d.State, run.Counts, w.Log)
	}
	name := filepath.Join(t.TempDir(), "rejects")
	if err := os.WriteFile(name, w.RejectFile(), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var got strings.Builder
	l := envelope.Layers{{Kind: envelope.PGP, Keys: fileText(t, theirs), Passphrase: "secret", Optional: true}}
	err = l.Unwrap(file, t.TempDir(), func(string) (io.WriteCloser, error) { return discard{&got}, nil }, nil)
	if err != nil || !strings.Contains(got.String(), "B-1,Table,") {
		t.Errorf("%s, %v", got.String(), err)
	}
	w.NothingLeft()
}

// An order goes out encrypted and signed, packed first; it is written with the bytes that the outbox holds.
func TestOrdersAreEncrypted(t *testing.T) {
	ours, oursPublic := keyPair(t, "shop")
	theirs, theirsPublic := keyPair(t, "erp")
	w := bridgetest.Exporting(t, fmt.Sprintf(", gzip: true, encrypt: { recipients: [%s], sign_key_file: %s, passphrase: secret }",
		theirsPublic, ours))
	w.MustOut()
	w.Submit("A1")
	w.MustOut()
	names := w.There()
	if len(names) != 1 || !strings.HasSuffix(names[0], "_A1.csv.gz.pgp") {
		t.Fatalf("%v\n%s", names, w.Log)
	}
	file, err := os.Open(filepath.Join(w.Folder, "orders", names[0]))
	w.Must(err)
	defer file.Close()
	var got strings.Builder
	l := envelope.Layers{{Kind: envelope.PGP, Keys: fileText(t, theirs), Passphrase: "secret", Signers: fileText(t, oursPublic)},
		{Kind: envelope.Gzip}}
	err = l.Unwrap(file, t.TempDir(), func(string) (io.WriteCloser, error) { return discard{&got}, nil }, nil)
	if err != nil || !strings.Contains(got.String(), "A1") {
		t.Errorf("%s, %v", got.String(), err)
	}
}

type discard struct{ io.Writer }

func (discard) Close() error { return nil }
