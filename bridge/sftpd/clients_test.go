package sftpd_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
	"github.com/orobridge/orobridge/bridge/sftpd"
)

// play is what every real client does with every server: upload, list, rename, resume, download, delete, names beyond
// ASCII. A step that a client has no command for is empty.
type play struct {
	client string
	needs  string // the program, and the package of Debian that has it
	run    func(t *testing.T, s *scene)
}

// scene is one server and a folder of local files: big (3 MB), half (its first half), and Prüfung 价格.csv.
type scene struct {
	sftptest.Login
	local   string
	host    string
	port    string
	ssh     string // ssh with all options, in one word each
	openSSH bool   // the server is OpenSSH's
}

func (s *scene) file(name string) string { return filepath.Join(s.local, name) }

// at is a path on the server.
func (s *scene) at(name string) string { return strings.TrimSuffix(s.Folder, "/") + "/" + name }

const unicodeName = "Prüfung 价格 ‘x’.csv"

var plays = []play{
	{"sftp", "sftp (openssh-client)", func(t *testing.T, s *scene) {
		batch(t, s.Login, "mkdir sub", "put -p "+s.file("big")+" sub/big.part", "rename sub/big.part sub/big",
			"-rename sub/big sub/none/x", "put "+s.file("half")+" resumed",
			"put -a "+s.file("big")+" resumed", `put "`+s.file(unicodeName)+`" "`+unicodeName+`"`, "ls -la sub",
			"get -p sub/big "+s.file("back"), "put "+s.file("half")+" gone", "rm gone", "mkdir empty", "rmdir empty", "df")
		info, err := os.Stat(filepath.Join(s.Root, "sub/big"))
		if err != nil || !info.ModTime().Equal(fixed) {
			t.Errorf("put -p: %v, %v", info, err)
		}
	}},
	{"scp", "scp (openssh-client)", func(t *testing.T, s *scene) {
		scp := func(args ...string) {
			run(t, "scp", append(append([]string{"-q", "-P", s.port}, sshOptions(s.Login)...), args...)...)
		}
		there := s.User + "@" + s.host + ":"
		check(t, os.Mkdir(filepath.Join(s.Root, "sub"), 0o755))
		scp("-p", s.file("big"), there+s.at("sub/big"))
		scp(s.file("big"), there+s.at("resumed"))
		scp(s.file(unicodeName), there+s.at(unicodeName))
		scp(there+s.at("sub/big"), s.file("back"))
	}},
	{"lftp", "lftp (lftp)", func(t *testing.T, s *scene) {
		run(t, "lftp", "-c", strings.Join([]string{"set sftp:connect-program '" + s.ssh + "'", "set cmd:fail-exit yes",
			"set net:max-retries 1", "set xfer:clobber yes",
			"open -u " + s.User + ",x sftp://" + s.host + ":" + s.port + s.Folder,
			"mkdir sub", "put " + s.file("big") + " -o sub/big.part", "mv sub/big.part sub/big", "put " + s.file("half") + " -o resumed",
			"put -c " + s.file("big") + " -o resumed",
			`put "` + s.file(unicodeName) + `"`, "cls -l sub", "get sub/big -o " + s.file("back"), "pget -n 3 sub/big -o " + s.file("back3"),
			"put " + s.file("half") + " -o gone", "rm gone", "mirror -R --parallel=4 " + s.file("many") + " many"}, "; "))
		same(t, s.file("back3"), s.file("big"))
		s.hasMany(t)
	}},
	{"curl", "curl (curl)", func(t *testing.T, s *scene) {
		url := func(name string) string {
			return "sftp://" + s.host + ":" + s.port + s.at(strings.ReplaceAll(name, " ", "%20"))
		}
		curl := func(args ...string) {
			run(t, "curl", append([]string{"-sS", "-k", "--user", s.User + ":", "--key", s.KeyFile, "--pubkey", s.KeyFile + ".pub"}, args...)...)
		}
		curl("-T", s.file("big"), "--ftp-create-dirs", url("sub/big.part"), "-Q", "-rename "+s.at("sub/big.part")+" "+s.at("sub/big"))
		curl("-T", s.file("half"), url("resumed"))
		curl("-T", s.file("big"), "-C", "1500000", url("resumed"))
		curl("-T", s.file(unicodeName), url(unicodeName))
		curl("-o", s.file("back"), url("sub/big"))
		curl("-T", s.file("half"), url("appended"))
		curl("-T", s.file("half"), "-a", url("appended"), "-Q", "-chmod 600 "+s.at("appended"))
		curl("-T", s.file("half"), url("gone"), "-Q", "-rm "+s.at("gone"))
		curl("-l", url("sub/"))
		half, _ := os.ReadFile(s.file("half"))
		if got, err := os.ReadFile(filepath.Join(s.Root, "appended")); err != nil || !bytes.Equal(got, append(half, half...)) {
			t.Errorf("appended: %d bytes of %d, %v", len(got), 2*len(half), err)
		}
	}},
	{"rclone", "rclone (rclone)", func(t *testing.T, s *scene) {
		rclone := func(args ...string) string {
			return run(t, "rclone", append([]string{"--config", s.file("rclone.conf"), "--retries", "1", "--low-level-retries", "1",
				"--sftp-host", s.host, "--sftp-port", s.port,
				"--sftp-user", s.User, "--sftp-key-file", s.KeyFile, "--sftp-known-hosts-file", s.KnownHostsFile}, args...)...)
		}
		there := func(name string) string { return ":sftp:" + s.at(name) }
		rclone("copyto", s.file("big"), there("sub/big.part"))
		rclone("moveto", there("sub/big.part"), there("sub/big"))
		rclone("copyto", s.file("big"), there("resumed"))
		rclone("copyto", s.file(unicodeName), there(unicodeName))
		rclone("copyto", there("sub/big"), s.file("back"))
		rclone("copyto", s.file("half"), there("gone"))
		rclone("deletefile", there("gone"))
		rclone("copy", "--transfers", "4", s.file("many"), there("many"))
		if got := rclone("lsf", there("sub")); !strings.HasSuffix(got, "big\n") {
			t.Errorf("lsf: %q", got)
		}
		if info, err := os.Stat(filepath.Join(s.Root, "sub/big")); err != nil || !info.ModTime().Equal(fixed) {
			t.Errorf("rclone sets times: %v, %v", info, err)
		}
		s.hasMany(t)
	}},
	{"paramiko", "/usr/bin/python3 (python3-paramiko)", func(t *testing.T, s *scene) {
		run(t, "/usr/bin/python3", "-c", `
import paramiko, sys, threading
host, port, user, key, known, folder, local, name = sys.argv[1:]
c = paramiko.SSHClient(); c.load_host_keys(known)
c.connect(host, int(port), user, key_filename=key, allow_agent=False, look_for_keys=False)
s = c.open_sftp(); s.chdir(folder)
s.mkdir("sub"); s.put(local+"/big", "sub/big.part"); s.rename("sub/big.part", "sub/big")
try: s.rename("sub/big", "sub/none/x"); sys.exit("renamed into nothing")
except IOError: pass
s.put(local+"/half", "resumed")
with s.open("resumed", "a") as f, open(local+"/big", "rb") as g:
    f.set_pipelined(True); g.seek(1500000); f.write(g.read())
s.put(local+"/"+name, name); assert name in s.listdir("."), s.listdir(".")
s.get("sub/big", local+"/back"); s.put(local+"/half", "gone")
s.posix_rename("gone", "gone2"); s.remove("gone2"); s.stat("resumed").st_size == 3000000 or sys.exit("size")
try: s.stat("gone"); sys.exit("still there")
except FileNotFoundError: pass
`, s.host, s.port, s.User, s.KeyFile, s.KnownHostsFile, s.Folder, s.local, unicodeName)
	}},
	{"sshfs", "sshfs (sshfs)", func(t *testing.T, s *scene) {
		mount := s.file("mount")
		check(t, os.Mkdir(mount, 0o755))
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		args := []string{"-f", "-o", "IdentityFile=" + s.KeyFile, "-o", "UserKnownHostsFile=" + s.KnownHostsFile, "-o",
			"StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes", "-p", s.port,
			s.User + "@" + s.host + ":" + s.Folder, mount}
		cmd := exec.CommandContext(ctx, "sshfs", args...)
		log, err := os.Create(s.file("sshfs.log"))
		check(t, err)
		defer log.Close()
		cmd.Stdout, cmd.Stderr = log, log
		check(t, cmd.Start())
		defer func() {
			_ = exec.Command("fusermount3", "-u", "-z", mount).Run()
			_ = cmd.Wait()
		}()
		check(t, os.WriteFile(filepath.Join(s.Root, "here"), nil, 0o644))
		t.Cleanup(func() {
			if said, _ := os.ReadFile(log.Name()); t.Failed() {
				t.Logf("sshfs: %s", said)
			}
		})
		until(t, "sshfs is mounted", func() bool { _, err := os.Stat(filepath.Join(mount, "here")); return err == nil })
		in := func(name string) string { return filepath.Join(mount, name) }
		sh := func(script string) { run(t, "sh", "-ec", "cd "+mount+"; L="+s.local+"; "+script) }
		sh(`mkdir sub; cp -p $L/big sub/big.part; mv sub/big.part sub/big; cp $L/half resumed; tail -c +1500001 $L/big >>resumed`)
		sh(`cp "$L/` + unicodeName + `" .; cp sub/big $L/back; cp $L/half gone; rm gone; ls -la sub; truncate -s 10 here; df .`)
		if info, err := os.Stat(in("here")); err != nil || info.Size() != 10 {
			t.Errorf("truncate: %v, %v", info, err)
		}
	}},
}

// TestRealClients plays the same with this server and with OpenSSH's: partners notice no difference.
func TestRealClients(t *testing.T) {
	big := make([]byte, 3_000_000)
	_, _ = rand.Read(big)
	for _, p := range plays {
		for _, server := range []string{"orobridge", "sshd"} {
			t.Run(p.client+" with "+server, func(t *testing.T) {
				program, _, _ := strings.Cut(p.needs, " ")
				if _, err := exec.LookPath(program); err != nil {
					t.Fatalf("the client is not installed: sudo apt-get install %s", p.needs)
				}
				s := &scene{local: t.TempDir(), openSSH: server == "sshd"}
				var d *door
				if s.openSSH {
					s.Login = sftptest.Sshd(t).Login
					key, err := exec.Command("ssh-keygen", "-y", "-f", s.KeyFile).Output()
					check(t, err)
					check(t, os.WriteFile(s.KeyFile+".pub", key, 0o600))
				} else {
					d = serve(t)
					s.Login = d.login("erp")
				}
				s.prepare(t, big)
				p.run(t, s)
				same(t, filepath.Join(s.Root, "sub/big"), s.file("big"))
				same(t, filepath.Join(s.Root, "resumed"), s.file("big"))
				same(t, filepath.Join(s.Root, unicodeName), s.file(unicodeName))
				same(t, s.file("back"), s.file("big"))
				if _, err := os.Stat(filepath.Join(s.Root, "gone")); err == nil {
					t.Error("what was deleted is there")
				}
				if d != nil {
					s.settled(t, d)
				}
			})
		}
	}
}

// prepare the local files.
func (s *scene) prepare(t *testing.T, big []byte) {
	var err error
	s.host, s.port, err = net.SplitHostPort(s.Address)
	check(t, err)
	s.ssh = "ssh -a -x " + strings.Join(sshOptions(s.Login), " ")
	check(t, os.WriteFile(s.file("big"), big, 0o644))
	check(t, os.WriteFile(s.file("half"), big[:len(big)/2], 0o644))
	check(t, os.WriteFile(s.file(unicodeName), []byte("price"), 0o644))
	check(t, os.WriteFile(s.file("rclone.conf"), nil, 0o600))
	check(t, os.Chtimes(s.file("big"), fixed, fixed))
	check(t, os.Mkdir(s.file("many"), 0o755))
	for i := range 40 {
		check(t, os.WriteFile(s.file(fmt.Sprintf("many/%02d.csv", i)), big[i:1000*i+i], 0o644))
	}
}

func (s *scene) hasMany(t *testing.T) {
	t.Helper()
	for i := range 40 {
		name := fmt.Sprintf("many/%02d.csv", i)
		same(t, filepath.Join(s.Root, name), s.file(name))
	}
}

// settled says that the bridge takes all that a client left for whole, and knows that the big file was fetched.
func (s *scene) settled(t *testing.T, d *door) {
	t.Helper()
	until(t, "nothing is being written", func() bool {
		files, err := d.List(t.Context(), "/erp")
		check(t, err)
		return !slices.ContainsFunc(files, func(f bridge.File) bool { return f.Writing })
	})
	until(t, "sub/big is fetched", func() bool {
		return slices.ContainsFunc(d.fetched(), func(e *bridge.Event) bool { return e.File == "/erp/sub/big" })
	})
}

func same(t *testing.T, got, want string) {
	t.Helper()
	a, err := os.ReadFile(got)
	check(t, err)
	b, err := os.ReadFile(want)
	check(t, err)
	if !bytes.Equal(a, b) {
		t.Errorf("%s has %d bytes and is not %s with %d", got, len(a), want, len(b))
	}
}

func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%.3000s", program, err, out)
	}
	return string(out)
}

// What scp and ssh are told that want a shell.
func TestNoShell(t *testing.T) {
	d := serve(t)
	l := d.login("erp")
	host, port, _ := net.SplitHostPort(l.Address)
	for program, args := range map[string][]string{
		"scp": append(append([]string{"-q", "-O", "-P", port}, sshOptions(l)...), l.KeyFile, "erp@"+host+":x"),
		"ssh": append(append([]string{"-p", port}, sshOptions(l)...), "erp@"+host, "id"),
	} {
		out, err := exec.Command(program, args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "This server offers SFTP only") {
			t.Errorf("%s: %v\n%s", program, err, out)
		}
	}
}

// OpenSSH's client learns the next host key while the present one still holds.
func TestOpenSSHLearnsTheNextHostKey(t *testing.T) {
	var next string
	d := serve(t, func(o *sftpd.Options) {
		file := filepath.Join(t.TempDir(), "next")
		newKey(t, file)
		next = file
		o.HostKeys = append(o.HostKeys, file)
	})
	public, err := exec.Command("ssh-keygen", "-y", "-f", next).Output()
	check(t, err)
	l := d.login("erp")
	host, port, _ := net.SplitHostPort(l.Address)
	options := strings.Split(strings.ReplaceAll(strings.Join(sshOptions(l), "\n"), "UpdateHostKeys=no", "UpdateHostKeys=yes"), "\n")
	cmd := exec.Command("sftp", append(append([]string{"-b", "-", "-P", port}, options...), "erp@"+host)...)
	cmd.Stdin = strings.NewReader("ls\nls\nls\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	known, err := os.ReadFile(d.known)
	check(t, err)
	if want := strings.Fields(string(public))[1]; !strings.Contains(string(known), want) {
		t.Errorf("known_hosts lacks %s:\n%s", want, known)
	}
}
