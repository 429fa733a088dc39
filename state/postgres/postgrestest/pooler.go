package postgrestest

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Pooler is a PgBouncer before a cluster, which pools sessions.
type Pooler struct {
	dir  string
	of   *Cluster
	life *exec.Cmd
}

// Pooler starts one, in a folder within the cluster's.
func (c *Cluster) Pooler() (*Pooler, error) {
	p := &Pooler{dir: filepath.Join(c.dir, "pooler"), of: c}
	config := fmt.Sprintf(`[databases]
postgres = host=%s user=orobridge
[pgbouncer]
pool_mode = session
auth_type = any
unix_socket_dir = %s
listen_addr =
default_pool_size = 40
`, c.dir, p.dir)
	if err := errors.Join(os.Mkdir(p.dir, 0o700), os.WriteFile(p.file(), []byte(config), 0o644)); err != nil {
		return nil, err
	}
	if c.as != nil {
		if err := os.Chown(p.dir, int(c.as.Uid), int(c.as.Gid)); err != nil {
			return nil, err
		}
	}
	return p, p.Start()
}

func (p *Pooler) file() string { return filepath.Join(p.dir, "pgbouncer.ini") }

// Address is that of the cluster's database behind it.
func (p *Pooler) Address() string {
	return "postgres:///postgres?user=orobridge&port=6432&host=" + url.QueryEscape(p.dir)
}

// Start starts it, and waits until it answers.
func (p *Pooler) Start() error {
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer" // where Debian has it
	}
	cmd := exec.Command(program, "--quiet", p.file())
	cmd.Dir, cmd.SysProcAttr = p.dir, &syscall.SysProcAttr{Credential: p.of.as}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start PgBouncer (apt-get install pgbouncer): %w", err)
	}
	p.life = cmd
	if answers(p.Address()) {
		return nil
	}
	return errors.Join(errors.New("PgBouncer does not answer"), p.Stop())
}

// Stop ends it at once; its connections break.
func (p *Pooler) Stop() error {
	if p.life == nil {
		return nil
	}
	err := p.life.Process.Signal(syscall.SIGTERM)
	err = errors.Join(err, ended(p.life.Wait()))
	p.life = nil
	return err
}
