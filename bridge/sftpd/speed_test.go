package sftpd_test

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
	"github.com/orobridge/orobridge/bridge/sftpd"
)

// long is what scripts/sftpd asks for: the sizes of the issue, and for how long strangers hammer.
var long = flag.Bool("long", false, "large files, many files, many attackers")

// TestBesideOpenSSH moves files with OpenSSH's client to and from this server and OpenSSH's own, in turns, so that both
// meet the same machine. Its figures are worth something with -long alone and on a quiet machine; here it shows that all of it works.
// Files that were closed settle as the config has it where it says nothing.
func TestBesideOpenSSH(t *testing.T) {
	size, files, rounds := 8<<20, 50, 1
	if *long {
		size, files, rounds = 1<<30, 5_000, 6 // an even number: see mean
	}
	local := t.TempDir()
	check(t, os.WriteFile(filepath.Join(local, "large"), bytes.Repeat([]byte("0123456789abcdef"), size/16), 0o644))
	check(t, os.Mkdir(filepath.Join(local, "small"), 0o755))
	for i := range files {
		check(t, os.WriteFile(filepath.Join(local, "small", fmt.Sprintf("ORD_%05d.csv", i)), bytes.Repeat([]byte("row\n"), 512), 0o644))
	}
	d := serve(t, func(o *sftpd.Options) { o.Stable = bridge.Duration(2 * time.Second) })
	sshd := sftptest.Sshd(t)
	servers := []struct {
		name   string
		login  sftptest.Login
		worked func() time.Duration
	}{{"orobridge", d.login("erp"), worked}, {"sshd", sshd.Login, sshd.Worked}}
	for _, s := range servers { // warm caches
		batch(t, s.login, "put "+filepath.Join(local, "large"), "rm large")
	}
	steps := []struct{ name, command string }{
		{"upload of the large file", "put " + filepath.Join(local, "large")},
		{"download of the large file", "get large " + filepath.Join(local, "back")},
		{"upload of the small files", "put " + filepath.Join(local, "small") + "/* %s/"},
		{"download of the small files", "get %s/* " + filepath.Join(local, "many") + "/"},
	}
	check(t, os.Mkdir(filepath.Join(local, "many"), 0o755))
	took, cost := map[string][]float64{}, map[string][]float64{}
	for round := range rounds {
		folder := fmt.Sprintf("round%d", round) // a new one each time: some file systems take long to make files where many were deleted
		for _, s := range servers {
			batch(t, s.login, "mkdir "+folder)
		}
		for _, step := range steps {
			order := slices.Clone(servers)
			if round%2 == 1 {
				slices.Reverse(order)
			}
			for _, s := range order {
				began, work := time.Now(), s.worked()
				batch(t, s.login, strings.Replace(step.command, "%s", folder, 1))
				seconds := time.Since(began).Seconds()
				settle(t, d) // the hash that is taken afterwards must not slow the other one down
				work = s.worked() - work
				took[step.name+s.name] = append(took[step.name+s.name], seconds)
				cost[step.name+s.name] = append(cost[step.name+s.name], work.Seconds())
				if *long {
					t.Logf("round %d: %s, %s: %.2f s, of the processor %.2f s", round+1, step.name, s.name, seconds, work.Seconds())
				}
			}
		}
		for _, s := range servers {
			if body, err := os.ReadFile(filepath.Join(local, "back")); err != nil || len(body) != size {
				t.Fatalf("%d bytes came back, %v", len(body), err)
			}
			batch(t, s.login, "rm large")
		}
	}
	for _, step := range steps {
		ours, theirs := step.name+"orobridge", step.name+"sshd"
		t.Logf("%-28s orobridge %6.2f s, sshd %6.2f s: %.2f times its speed; of the processor %.2f s and %.2f s", step.name,
			mean(took[ours]), mean(took[theirs]), mean(took[theirs])/mean(took[ours]), mean(cost[ours]), mean(cost[theirs]))
	}
}

// worked is the processor time of this process. A machine that has much else to do tells more by it than by the clock.
func worked() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// mean is the geometric one, so that two of them compare as the servers did in each round, in which they met the same machine. Who
// goes second has it harder: over an even number of rounds that is each of them as often.
func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += math.Log(v)
	}
	return math.Exp(sum / float64(len(values)))
}

// settle waits until all transfers are told: their hashes are taken then.
func settle(t *testing.T, d *door) {
	n := -1
	until(t, "all hashes are taken", func() bool {
		last := n
		n = len(d.seen(bridge.FileUploaded, bridge.FileDownloaded))
		time.Sleep(20 * time.Millisecond)
		return n == last
	})
}

// login is what a real client needs.
func (d *door) login(user string) sftptest.Login {
	return sftptest.Login{Address: d.address, User: user, KeyFile: d.keyFile, KnownHostsFile: d.known, Root: filepath.Join(d.root,
		user), Folder: "/"}
}

// batch runs OpenSSH's client.
func batch(t *testing.T, l sftptest.Login, commands ...string) string {
	t.Helper()
	host, port, err := net.SplitHostPort(l.Address)
	check(t, err)
	cmd := exec.Command("sftp", append(append([]string{"-q", "-b", "-", "-P", port}, sshOptions(l)...), l.User+"@"+host+":"+l.Folder)...)
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("sftp %v: %v\n%.2000s", commands, err, out)
	}
	return string(out)
}

// sshOptions are for ssh, sftp and scp.
func sshOptions(l sftptest.Login) []string {
	return []string{"-F", "none", "-i", l.KeyFile, "-o", "UserKnownHostsFile=" + l.KnownHostsFile, "-o", "GlobalKnownHostsFile=none",
		"-o", "StrictHostKeyChecking=yes", "-o", "UpdateHostKeys=no", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o",
		"PreferredAuthentications=publickey"}
}
