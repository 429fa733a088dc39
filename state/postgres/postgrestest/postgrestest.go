// Package postgrestest gives tests a real PostgreSQL: a cluster in a folder of its own, which nobody but its user can reach, and in it
// a schema for each test.
//
// Contract. The programs of Debian's package postgresql are needed; where they are missing the test fails. As root they run as the
// user postgres. A cluster ends with the process that has started it, however that ends. It does not wait for the disk, but keeps
// what was committed when it is killed itself.
package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Cluster is a server with its databases.
type Cluster struct {
	dir  string
	bin  string
	as   *syscall.Credential
	life *os.File // the server ends when this is closed
	done *exec.Cmd
}

// shared is the cluster of a process's tests.
var shared = sync.OnceValues(func() (*Cluster, error) { return New() })

// schemas are those of this process that no test has.
var schemas struct {
	sync.Mutex
	made int
	free []string
}

// Test is what is needed of a test, or of one case of a property.
type Test interface {
	Helper()
	Error(args ...any)
	Fatal(args ...any)
	Cleanup(func())
}

// Address is that of a ledger which a test has for itself. There is none yet, or one that holds nothing. OROBRIDGE_POSTGRES may name
// the address of a database that is there already.
func Address(t Test) string {
	t.Helper()
	if at := os.Getenv("OROBRIDGE_POSTGRES"); at != "" {
		return within(t, at)
	}
	c, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return within(t, c.Address())
}

// Within is [Address] in a cluster of the test's own.
func Within(t testing.TB, c *Cluster) string {
	t.Helper()
	return within(t, c.Address())
}

func within(t Test, at string) string {
	t.Helper()
	address, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	q := address.Query()
	schema := take()
	q.Set("search_path", schema)
	address.RawQuery = q.Encode()
	t.Cleanup(func() {
		if err := wipe(at, schema); err != nil {
			t.Error(err)
		}
	})
	return address.String()
}

// split takes the schema out of an address, as PostgreSQL's own programs have it.
func split(t testing.TB, address string) (at, schema string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	schema = q.Get("search_path")
	q.Del("search_path")
	u.RawQuery = q.Encode()
	return u.String(), schema
}

// Dump is a dump of a ledger, as pg_dump makes it.
func Dump(t testing.TB, address string) []byte {
	t.Helper()
	at, schema := split(t, address)
	return output(t, nil, "pg_dump", "--schema="+schema, at)
}

// Restore puts a dump into the place of a ledger, as psql does; without one there is no ledger any more.
func Restore(t testing.TB, address string, dump []byte) {
	t.Helper()
	at, schema := split(t, address)
	script := append([]byte("SET client_min_messages = warning; DROP SCHEMA "+schema+" CASCADE;\n"), dump...)
	output(t, script, "psql", "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", at)
}

// Exec runs a script in a ledger, behind the back of whoever works with it.
func Exec(t testing.TB, address, script string) {
	t.Helper()
	at, schema := split(t, address)
	output(t, []byte("SET search_path = "+schema+";\n"+script), "psql", "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", at)
}

func output(t testing.TB, input []byte, program string, args ...string) []byte {
	t.Helper()
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(bin, program), args...)
	cmd.Stdin = bytes.NewReader(input)
	out, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("%s: %w: %s", program, err, failed.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func take() string {
	schemas.Lock()
	defer schemas.Unlock()
	if n := len(schemas.free); n > 0 {
		name := schemas.free[n-1]
		schemas.free = schemas.free[:n-1]
		return name
	}
	schemas.made++
	return fmt.Sprintf("t%d_%d", os.Getpid(), schemas.made)
}

// empty takes all rows out of a schema's tables: to make the tables again would take ten times as long.
const empty = `SET session_replication_role = replica;
DO $$ DECLARE t record; BEGIN
	FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = '%[1]s' AND tablename NOT IN ('migrations', 'river_migration') LOOP
		EXECUTE format('DELETE FROM %[1]s.%%I', t.tablename);
	END LOOP;
	PERFORM setval(s.oid, 1, false) FROM pg_class s WHERE s.relkind = 'S' AND s.relname LIKE '%%\_seq'
		AND s.relnamespace = to_regnamespace('%[1]s');
END $$`

// wipe empties a schema and lets another test have it.
func wipe(address, schema string) error {
	ctx := context.Background()
	c, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, fmt.Sprintf(empty, schema))
	schemas.Lock()
	defer schemas.Unlock()
	schemas.free = append(schemas.free, schema)
	return errors.Join(err, c.Close(ctx))
}

// New starts a cluster. [Cluster.Remove] ends it; else the end of the process does.
func New() (_ *Cluster, err error) {
	c := &Cluster{}
	if c.bin, err = programs(); err != nil {
		return nil, err
	}
	if c.dir, err = os.MkdirTemp("", "orobridge-postgres-"); err != nil {
		return nil, err
	}
	if os.Getuid() == 0 {
		if c.as, err = asPostgres(c.dir); err != nil {
			return nil, errors.Join(err, os.RemoveAll(c.dir))
		}
	}
	made := c.command("initdb", "--no-sync", "--username=orobridge", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8",
		"--pgdata="+c.data())
	if out, err := made.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("initdb: %w: %s", err, out), os.RemoveAll(c.dir))
	}
	if err := c.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(c.dir))
	}
	return c, nil
}

// programs finds the folder of PostgreSQL's programs: the newest of Debian's, or that of the path.
func programs() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err == nil && len(found) > 0 {
		return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
	}
	there, lookErr := exec.LookPath("initdb")
	if err := errors.Join(err, lookErr); err != nil {
		return "", fmt.Errorf("PostgreSQL is not installed (apt-get install postgresql): %w", err)
	}
	there, err = filepath.EvalSymlinks(there)
	return filepath.Dir(there), err
}

func version(path string) int {
	n, _ := strconv.Atoi(strings.Split(path, "/")[4])
	return n
}

// asPostgres gives a folder to the user postgres: the server does not run as root.
func asPostgres(dir string) (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(u.Uid)
	gid, gidErr := strconv.Atoi(u.Gid)
	if err := errors.Join(err, gidErr, os.Chown(dir, uid, gid)); err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *Cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	cmd.Dir = c.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.as, Setpgid: true}
	return cmd
}

// Address is that of the cluster's database.
func (c *Cluster) Address() string {
	return "postgres:///postgres?user=orobridge&host=" + url.QueryEscape(c.dir)
}

// Socket is the path of the one at which the server listens.
func (c *Cluster) Socket() string { return filepath.Join(c.dir, ".s.PGSQL.5432") }

// guard starts the server and ends it, with its folder if need be, once whoever started it is no more.
const guard = `"$0" "$@" >>log 2>&1 & pid=$!
read -r last
if [ "$last" = stop ]; then kill -INT $pid; else kill -QUIT $pid; fi; wait $pid
[ "$last" ] || rm -rf "$PWD"`

// Start starts a cluster that was stopped, and waits until it answers.
func (c *Cluster) Start() error {
	cmd := c.command("postgres")
	cmd.Path = "/bin/sh"
	cmd.Args = []string{"sh", "-c", guard, filepath.Join(c.bin, "postgres"), "-D", c.data(), "-k", c.dir, "-c", "listen_addresses=",
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=300", "-c", "autovacuum_naptime=5s"}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdin, c.life = r, w
	if err := errors.Join(cmd.Start(), r.Close()); err != nil {
		return err
	}
	c.done = cmd
	if answers(c.Address()) {
		return nil
	}
	log, err := os.ReadFile(filepath.Join(c.dir, "log"))
	return errors.Join(fmt.Errorf("PostgreSQL does not answer: %s", log), err, c.Kill())
}

// answers waits until somebody answers at an address, half a minute at least.
func answers(address string) bool {
	for range 600 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		conn, err := pgx.Connect(ctx, address)
		cancel()
		if err == nil {
			return conn.Close(context.Background()) == nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return false
}

// Kill ends the server as a crash does: its connections break, and it recovers when it is started again.
func (c *Cluster) Kill() error { return c.end("kill") }

// Stop ends the server in order, without waiting for who is connected: their transactions are taken back.
func (c *Cluster) Stop() error { return c.end("stop") }

func (c *Cluster) end(how string) error {
	_, err := c.life.WriteString(how + "\n")
	return errors.Join(err, c.life.Close(), ended(c.done.Wait()))
}

// Standby starts a replica of a cluster, which follows it and can be promoted.
func (c *Cluster) Standby() (_ *Cluster, err error) {
	r := &Cluster{bin: c.bin, as: c.as}
	if r.dir, err = os.MkdirTemp("", "orobridge-postgres-"); err != nil {
		return nil, err
	}
	if r.as != nil {
		err = os.Chown(r.dir, int(r.as.Uid), int(r.as.Gid))
	}
	if err == nil {
		copied := r.command("pg_basebackup", "--host="+c.dir, "--username=orobridge", "--pgdata="+r.data(), "--write-recovery-conf",
			"--checkpoint=fast", "--no-sync")
		var out []byte
		if out, err = copied.CombinedOutput(); err != nil {
			err = fmt.Errorf("pg_basebackup: %w: %s", err, out)
		}
	}
	if err == nil {
		err = r.Start()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(r.dir))
	}
	return r, nil
}

// Either is the address of the one of two clusters that may be written to.
func (c *Cluster) Either(other *Cluster) string {
	return c.Address() + url.QueryEscape(","+other.dir) + "&target_session_attrs=read-write"
}

// Do carries a statement out, as whoever looks after the database does.
func (c *Cluster) Do(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, c.Address())
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// Remove ends the server and takes its folder away.
func (c *Cluster) Remove() error {
	return errors.Join(c.life.Close(), ended(c.done.Wait()), os.RemoveAll(c.dir))
}

// ended forgives the guard that its last command failed.
func ended(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}
