package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/ssh"

	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
	"github.com/orobridge/orobridge/cmd/orobridge/erp"
)

// stage is what a script plays on: the shop and the SFTP server that it has started.
type stage struct {
	shop  *orotest.Shop
	sshd  *sftptest.SSHD
	login sftptest.Login
}

type stageKey struct{}

func stageOf(ts *testscript.TestScript) *stage { return ts.Value(stageKey{}).(*stage) }

// usage ends a script whose command is not written as it should be.
func usage(ts *testscript.TestScript, wrong bool, text string) {
	if wrong {
		ts.Fatalf("usage: %s", text)
	}
}

// box starts a shop in a box that ends with the script, and puts its address into $SHOP. Each further word takes a
// permission away: box sample 'view products'.
func box(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) == 0, "box empty|sample [permission ...]")
	s := stageOf(ts)
	s.shop = orotest.New(orotest.Seed(shopGoods[args[0]]), orotest.Credentials(shopClient, shopSecret), orotest.DenyPermissions(args[1:]...),
		orotest.Into(&asked), orotest.Version(orotest.Wanted()))
	ts.Check(s.shop.Start("127.0.0.1:0"))
	ts.Defer(func() { s.shop.Close() })
	ts.Setenv("SHOP", s.shop.URL())
}

// shopClients makes an API client known to the shop, or forgets one: client ID [SECRET].
func shopClients(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) < 1 || len(args) > 2, "client id [secret]")
	if len(args) == 2 {
		stageOf(ts).shop.AddClient(args[0], args[1])
	} else {
		stageOf(ts).shop.RemoveClient(args[0])
	}
}

// submitOrder submits an order of five of a product, or one without lines: order IDENTIFIER [SKU].
func submitOrder(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) < 1 || len(args) > 2, "order identifier [sku]")
	var lines []orotest.Line
	for _, sku := range args[1:] {
		lines = append(lines, orotest.Line{SKU: sku, Quantity: "5", Price: "2.50"})
	}
	address := &orotest.Address{FirstName: "Amanda", LastName: "Cole", Street: "2 Main Street", City: "Rochester",
		PostalCode: "14608", Country: "US", Region: "US-NY"}
	_, err := stageOf(ts).shop.SubmitOrder(orotest.Order{Identifier: args[0], Currency: "EUR", Customer: "1",
		Billing: address, Shipping: address, Lines: lines})
	ts.Check(err)
}

// writes wants that so many requests have written something to the shop since it started, or since the last writes.
func writes(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) != 1, "writes number")
	n := 0
	shop := stageOf(ts).shop
	for _, r := range shop.Journal() {
		if r.Method != "GET" && !strings.Contains(r.Path, "oauth2-token") {
			n++
		}
	}
	shop.JournalReset()
	if (strconv.Itoa(n) == args[0]) == neg {
		ts.Fatalf("%d requests have written something", n)
	}
}

// enter makes a server known to the script: $SFTP_ADDRESS, $SFTP_USER, $SFTP_KEY, $SFTP_HOSTS (known_hosts), $SFTP_ROOT
// (the folder on this machine) and $SFTP_PATH (the same for the client).
func (s *stage) enter(ts *testscript.TestScript, l sftptest.Login) {
	s.login = l
	for name, value := range map[string]string{"ADDRESS": l.Address, "USER": l.User, "KEY": l.KeyFile,
		"HOSTS": l.KnownHostsFile, "ROOT": l.Root, "PATH": l.Folder} {
		ts.Setenv("SFTP_"+name, value)
	}
}

// startSSHD starts OpenSSH's server, which ends with the script; sshd again stops it and starts it with the files that it has now in
// .sshd: host_key and authorized_keys.
func startSSHD(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) > 1 || len(args) == 1 && args[0] != "again", "sshd [again]")
	s := stageOf(ts)
	if len(args) == 1 {
		s.sshd.Stop()
		ts.Check(s.sshd.Start())
		return
	}
	dir := ts.MkAbs(".sshd")
	ts.Check(os.MkdirAll(dir, 0o755))
	server, err := sftptest.NewSSHD(dir)
	ts.Check(err)
	ts.Check(server.Start())
	ts.Defer(server.Stop)
	s.sshd = server
	s.enter(ts, server.Login)
}

// startSFTPD starts an SFTP server in this process: sftpd [read-only] [no-posix-rename].
func startSFTPD(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, "sftpd [read-only] [no-posix-rename]")
	dir := ts.MkAbs(".sftpd")
	root := filepath.Join(dir, "root")
	ts.Check(os.MkdirAll(root, 0o755))
	server, err := sftptest.Serve(sftptest.Options{Root: root, ReadOnly: slices.Contains(args, "read-only"),
		NoPosixRename: slices.Contains(args, "no-posix-rename")})
	ts.Check(err)
	ts.Defer(func() { _ = server.Close() })
	login, err := server.Login(dir, "erp")
	ts.Check(err)
	stageOf(ts).enter(ts, login)
}

// prepareDoor makes what a bridge that is a server itself wants, for a partner named erp: host_key, id_erp.pub and a free
// address, $SFTP_ADDRESS, where the script starts the bridge.
func prepareDoor(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) > 0, "door")
	port, err := sftptest.FreePort()
	ts.Check(err)
	ts.Check(erp.MakeKey(ts.MkAbs("host_key")))
	ts.Check(erp.MakeKey(ts.MkAbs("id_erp")))
	host, _, _, _, err := ssh.ParseAuthorizedKey([]byte(ts.ReadFile("host_key.pub")))
	ts.Check(err)
	login := sftptest.Login{Address: net.JoinHostPort("127.0.0.1", port), User: "erp", KeyFile: ts.MkAbs("id_erp"),
		KnownHostsFile: ts.MkAbs("known_hosts"), Folder: "/"}
	ts.Check(os.WriteFile(login.KnownHostsFile, []byte(sftptest.KnownHost(login.Address, host)+"\n"), 0o600))
	stageOf(ts).enter(ts, login)
}

// freePorts puts ports that are free into variables: port ADMIN HOOK.
func freePorts(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) == 0, "port NAME ...")
	for _, name := range args {
		port, err := sftptest.FreePort()
		ts.Check(err)
		ts.Setenv(name, port)
	}
}

// playERP runs one command of the real sftp client as the ERP: erp put prices.csv out/prices.csv. What it prints is
// this command's stdout.
func playERP(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) == 0, "erp command ...")
	out, err := sftpClient(ts, args)
	fmt.Fprint(ts.Stdout(), out)
	if (err != nil) != neg {
		ts.Fatalf("sftp: %v\n%s", err, out)
	}
}

func sftpClient(ts *testscript.TestScript, command []string) (string, error) {
	return sftptest.TryBatch(context.Background(), stageOf(ts).login, "lcd "+ts.MkAbs("."), strings.Join(command, " "))
}

// drip is a slow writer: the real sftp client appends a file to one on the server piece by piece, with a pause between
// them: drip prices.csv out/prices.csv 5 200ms. It stays connected, so that a busy machine adds little to the pauses.
func drip(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 4, "drip file target pieces pause")
	pieces, err := strconv.Atoi(args[2])
	ts.Check(err)
	pause, err := time.ParseDuration(args[3])
	ts.Check(err)
	body := ts.ReadFile(args[0])
	cmd, err := sftptest.Client(context.Background(), stageOf(ts).login)
	ts.Check(err)
	commands, err := cmd.StdinPipe()
	ts.Check(err)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	ts.Check(cmd.Start())
	put := "put"
	for i := range pieces {
		part := ts.MkAbs(fmt.Sprintf(".drip%d", i))
		ts.Check(os.WriteFile(part, []byte(body[:len(body)*(i+1)/pieces]), 0o644))
		if _, err := fmt.Fprintln(commands, put, part, args[1]); err != nil {
			break // the client has ended and says why
		}
		time.Sleep(pause)
		put = "put -a" // goes on behind what is there
	}
	if err := errors.Join(commands.Close(), cmd.Wait()); err != nil {
		ts.Fatalf("sftp: %v\n%s", err, &out)
	}
}

// exits runs a command and wants an exit code of it: exits 2 orobridge chek.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) < 2, "exits code command ...")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// until runs a command, or erp, again and again until its stdout matches: until 'loaded' orobridge drops.
func until(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) < 2, "until regexp command ...")
	want := regexp.MustCompile("(?m)" + args[0])
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		out := ""
		if args[1] == "erp" {
			out, _ = sftpClient(ts, args[2:])
		} else {
			_ = ts.Exec(args[1], args[2:]...) // may fail at first
			out = ts.ReadFile("stdout")
		}
		if want.MatchString(out) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%s never matched; at last:\n%s", args[0], out)
		}
	}
}

// jsonValue looks at a value of a JSON document: json stdout [0].state loaded. The wanted value is a text, number, true,
// false or null as it stands; @time wants a time as RFC 3339, UTC; @list wants a list, empty or not; /…/ is a regular
// expression. In a path, len is the length of a list.
func jsonValue(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) != 3, "json file path value")
	v, err := find(decodeJSON(ts, args[0]), args[1])
	ts.Check(err)
	if valueIs(v, args[2]) == neg {
		ts.Fatalf("%s is %s", args[1], text(v))
	}
}

func valueIs(v any, want string) bool {
	switch {
	case want == "@time":
		s, _ := v.(string)
		t, err := time.Parse(time.RFC3339, s)
		return err == nil && strings.HasSuffix(s, "Z") && time.Since(t).Abs() < time.Hour
	case want == "@list":
		_, ok := v.([]any)
		return ok
	case len(want) > 1 && want[0] == '/' && want[len(want)-1] == '/':
		return regexp.MustCompile(want[1 : len(want)-1]).MatchString(text(v))
	}
	return text(v) == want
}

// jsonFields wants these fields of an object; others may have been added: fields stdout [0] drop feed file.
func jsonFields(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) < 3, "fields file path field ...")
	v, err := find(decodeJSON(ts, args[0]), args[1])
	ts.Check(err)
	object, ok := v.(map[string]any)
	if !ok {
		ts.Fatalf("%s is no object: %s", args[1], text(v))
	}
	for _, name := range args[2:] {
		if _, ok := object[name]; !ok {
			ts.Fatalf("%s has no field %s: %s", args[1], name, text(v))
		}
	}
}

// decodeJSON reads a document and wants nothing behind it.
func decodeJSON(ts *testscript.TestScript, name string) any {
	d := json.NewDecoder(strings.NewReader(ts.ReadFile(name)))
	d.UseNumber()
	var v any
	ts.Check(d.Decode(&v))
	if d.More() {
		ts.Fatalf("%s holds more than one JSON document", name)
	}
	return v
}

var pathElement = regexp.MustCompile(`^(?:\[(-?\d+)\]|\.?([^.\[]+))`)

// find follows a path such as runs[0].state into a document; a lone . is the document itself.
func find(v any, path string) (any, error) {
	if path == "." {
		return v, nil
	}
	for rest := path; rest != ""; {
		m := pathElement.FindStringSubmatch(rest)
		if m == nil {
			return nil, fmt.Errorf("path %s: stuck at %s", path, rest)
		}
		rest = rest[len(m[0]):]
		list, isList := v.([]any)
		object, isObject := v.(map[string]any)
		switch {
		case m[2] == "len" && isList:
			v = json.Number(strconv.Itoa(len(list)))
		case m[1] != "" && isList:
			i, err := strconv.Atoi(m[1])
			if i < 0 {
				i += len(list)
			}
			if err != nil || i < 0 || i >= len(list) {
				return nil, fmt.Errorf("path %s: the list has %d elements", path, len(list))
			}
			v = list[i]
		case m[2] != "" && isObject:
			value, ok := object[m[2]]
			if !ok {
				return nil, fmt.Errorf("path %s: there is no %s in %s", path, m[2], text(v))
			}
			v = value
		default:
			return nil, fmt.Errorf("path %s: %s is not in %s", path, m[0], text(v))
		}
	}
	return v, nil
}

// text is a value as scripts write it.
func text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return strings.TrimSpace(b.String())
}

// writeBytes writes a file with bytes that a script can't hold; escapes are Go's, and a word xN repeats the text before
// it: bytes nul.csv 'sku,name\nA\x00B,c\n'.
func writeBytes(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) < 2, "bytes file text [xN|text ...]")
	var b strings.Builder
	last := ""
	for _, a := range args[1:] {
		if n, err := strconv.Atoi(strings.TrimPrefix(a, "x")); err == nil && strings.HasPrefix(a, "x") {
			b.WriteString(strings.Repeat(last, n-1))
			continue
		}
		var err error
		last, err = strconv.Unquote(`"` + strings.ReplaceAll(a, `"`, `\"`) + `"`)
		ts.Check(err)
		b.WriteString(last)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b.String()), 0o644))
}

// The paths of json.
func TestFind(t *testing.T) {
	var v any
	d := json.NewDecoder(strings.NewReader(`{"a":[{"b":1},{"b":"x"}],"c":null}`))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ path, want string }{{"a[0].b", "1"}, {"a[-1].b", "x"}, {"a.len", "2"}, {"c", "null"},
		{".", `{"a":[{"b":1},{"b":"x"}],"c":null}`}} {
		got, err := find(v, tt.path)
		if err != nil || text(got) != tt.want {
			t.Errorf("%s: %v, %v, want %s", tt.path, text(got), err, tt.want)
		}
	}
	for _, path := range []string{"a[2]", "d", "a.b", "c[0]"} {
		if got, err := find(v, path); err == nil {
			t.Errorf("%s: %v, want an error", path, got)
		}
	}
}
