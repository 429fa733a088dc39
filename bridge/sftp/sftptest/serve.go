// Package sftptest has SFTP servers to play against: one in this process ([Serve]), OpenSSH's ([StartSSHD]), a proxy that
// breaks connections on purpose ([NewProxy]), and the real sftp client to play the other side ([Batch]).
//
// The server in this process is there for what a good one does not do: it lies, lacks extensions, room or rights, and answers in
// pieces. Where the server is to behave, package bridge/sftpd is one. The servers listen on loopback only and are no servers
// for production.
package sftptest

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// Login is what a client needs to reach a server. The files are for real clients and configs.
type Login struct {
	Address        string // 127.0.0.1:port
	User           string
	KeyFile        string // client's private key, without passphrase
	KnownHostsFile string // pins the server's key
	// Root is the folder on this machine that the server shows. Folder is the same folder as the client sees it.
	Root   string
	Folder string
}

// Via is the same login at another address, such as a [Proxy]'s, with a known_hosts file of its own.
func (l Login) Via(address string) (Login, error) {
	text, err := os.ReadFile(l.KnownHostsFile)
	if err != nil {
		return l, err
	}
	_, _, key, _, _, err := ssh.ParseKnownHosts(text)
	if err != nil {
		return l, err
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return l, err
	}
	l.Address, l.KnownHostsFile = address, l.KnownHostsFile+"_"+port
	return l, os.WriteFile(l.KnownHostsFile, []byte(KnownHost(address, key)+"\n"), 0o600)
}

// KnownHost is the line of a known_hosts file that pins a key.
func KnownHost(address string, key ssh.PublicKey) string {
	return knownhosts.Line([]string{knownhosts.Normalize(address)}, key)
}

// User may log in to a [Server].
type User struct {
	Password            string          // empty: not by password
	KeyboardInteractive bool            // the password is asked for, not taken as such
	Keys                []ssh.PublicKey // authorized keys
	Authority           ssh.PublicKey   // whose certificates are good for the user's name; nil: none
}

// Options say what a [Server] is like.
type Options struct {
	Root    string          // folder that clients see as "/"; must exist
	Users   map[string]User // by name
	Address string          // default 127.0.0.1:0
	HostKey ssh.Signer      // default a new ed25519 key
	// HostKeys are further host keys, to play a server that has several.
	HostKeys []ssh.Signer
	SSH      ssh.Config // algorithms, to play a server that is old
	Lie      Lie        // answers in the server's place; nil: never

	NoSFTP        bool  // the subsystem is refused
	NoPosixRename bool  // posix-rename@openssh.com is not offered, and refused
	NoExtensions  bool  // no extension is offered
	ReadOnly      bool  // writes are refused for lack of permission
	ShortReads    int   // answer reads with at most so many bytes, as some servers do; 0: as asked
	Space         int64 // bytes that may be written until the disk is full; 0: without limit
	ReadOnce      bool  // a file is deleted once it was read to its end and closed
}

// Server is an SFTP server in this process.
type Server struct {
	Address string // where it listens
	options Options
	config  *ssh.ServerConfig
	root    *os.Root
	listen  net.Listener

	mu    sync.Mutex
	users map[string]User
	conns map[net.Conn]struct{}
	space int64
	ended bool
	work  sync.WaitGroup
}

// Serve starts a server. Close ends it.
func Serve(o Options) (*Server, error) {
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	if o.HostKey == nil {
		key, err := NewKey()
		if err != nil {
			return nil, err
		}
		o.HostKey = key
	}
	root, err := os.OpenRoot(o.Root)
	if err != nil {
		return nil, fmt.Errorf("open root of SFTP server: %w", err)
	}
	listen, err := net.Listen("tcp", o.Address)
	if err != nil {
		_ = root.Close()
		return nil, fmt.Errorf("listen for SFTP: %w", err)
	}
	s := &Server{Address: listen.Addr().String(), options: o, root: root, listen: listen, space: o.Space,
		users: map[string]User{}, conns: map[net.Conn]struct{}{}}
	for name, u := range o.Users {
		s.users[name] = u
	}
	s.configure()
	s.work.Go(s.accept)
	return s, nil
}

// NewKey makes an ed25519 key.
func NewKey() (ssh.Signer, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return ssh.NewSignerFromKey(key)
}

// KnownHost is the line that pins this server in a known_hosts file.
func (s *Server) KnownHost() string { return KnownHost(s.Address, s.options.HostKey.PublicKey()) }

// HostKey is the server's key, to start another server with the same.
func (s *Server) HostKey() ssh.Signer { return s.options.HostKey }

// Login makes a key for a user, who is added where the server does not know the name, and writes it and a known_hosts
// file into dir.
func (s *Server) Login(dir, user string) (Login, error) {
	l := Login{Address: s.Address, User: user, Root: s.options.Root, Folder: "/",
		KeyFile: filepath.Join(dir, "id_"+user), KnownHostsFile: filepath.Join(dir, "known_hosts")}
	public, err := writeKey(l.KeyFile, "")
	if err != nil {
		return l, err
	}
	s.mu.Lock()
	u := s.users[user]
	u.Keys = append(slices.Clone(u.Keys), public)
	s.users[user] = u
	s.mu.Unlock()
	return l, os.WriteFile(l.KnownHostsFile, []byte(s.KnownHost()+"\n"), 0o600)
}

// writeKey makes a client's key, with a passphrase if it is not empty.
func writeKey(file, passphrase string) (ssh.PublicKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	var block *pem.Block
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(key, "orobridge test")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "orobridge test", []byte(passphrase))
	}
	if err != nil {
		return nil, err
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return nil, err
	}
	return signer.PublicKey(), os.WriteFile(file, pem.EncodeToMemory(block), 0o600)
}

func (s *Server) user(name string) User {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.users[name]
}

var errRefused = errors.New("refused")

func (s *Server) configure() {
	s.config = &ssh.ServerConfig{
		Config: s.options.SSH,
		PublicKeyCallback: func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			user := s.user(c.User())
			if _, ok := key.(*ssh.Certificate); ok && user.Authority != nil {
				checker := &ssh.CertChecker{IsUserAuthority: func(a ssh.PublicKey) bool {
					return string(a.Marshal()) == string(user.Authority.Marshal())
				}}
				return checker.Authenticate(c, key)
			}
			for _, k := range user.Keys {
				if string(k.Marshal()) == string(key.Marshal()) {
					return nil, nil
				}
			}
			return nil, errRefused
		},
		PasswordCallback: func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			u := s.user(c.User())
			if u.KeyboardInteractive || !equal(u.Password, string(password)) {
				return nil, errRefused
			}
			return nil, nil
		},
	}
	for _, u := range s.users {
		if u.KeyboardInteractive {
			s.config.PasswordCallback = nil
			s.config.KeyboardInteractiveCallback = s.ask
		}
	}
	s.config.AddHostKey(s.options.HostKey)
	for _, key := range s.options.HostKeys {
		s.config.AddHostKey(key)
	}
}

func equal(want, got string) bool {
	return want != "" && subtle.ConstantTimeCompare([]byte(want), []byte(got)) == 1
}

// ask for the password, then go one more round without a question, as PAM does.
func (s *Server) ask(c ssh.ConnMetadata, challenge ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
	answers, err := challenge("", "Authentication", []string{"Password: "}, []bool{false})
	if err != nil || len(answers) != 1 || !equal(s.user(c.User()).Password, answers[0]) {
		return nil, errRefused
	}
	_, err = challenge("", "", nil, nil)
	return nil, err
}

func (s *Server) accept() {
	for {
		conn, err := s.listen.Accept()
		if err != nil {
			return
		}
		if !s.Handle(conn) {
			return
		}
	}
}

// Handle serves a connection that came in by another way than the listener, in the background. It is false when the
// server has ended.
func (s *Server) Handle(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		_ = conn.Close()
		return false
	}
	s.conns[conn] = struct{}{}
	s.work.Go(func() {
		defer func() {
			_ = conn.Close()
			s.mu.Lock()
			delete(s.conns, conn)
			s.mu.Unlock()
		}()
		s.serve(conn)
	})
	return true
}

// serve one connection until it ends.
func (s *Server) serve(conn net.Conn) {
	sshConn, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		return
	}
	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() {
		for r := range requests {
			if r.WantReply { // keepalive@openssh.com wants an answer, any
				_ = r.Reply(false, nil)
			}
		}
	})
	work.Go(func() { _ = sshConn.Wait() })
	for c := range channels {
		if c.ChannelType() != "session" {
			_ = c.Reject(ssh.UnknownChannelType, "sessions only")
			continue
		}
		channel, requests, err := c.Accept()
		if err != nil {
			return
		}
		work.Go(func() { s.session(channel, requests, &work) })
	}
}

// session waits for the request to start SFTP.
func (s *Server) session(channel ssh.Channel, requests <-chan *ssh.Request, work *sync.WaitGroup) {
	started := false
	for r := range requests {
		var subsystem struct{ Name string }
		ok := r.Type == "subsystem" && ssh.Unmarshal(r.Payload, &subsystem) == nil && subsystem.Name == "sftp" && !started && !s.options.NoSFTP
		if r.WantReply {
			_ = r.Reply(ok, nil)
		}
		if ok {
			started = true
			work.Go(func() { s.files(channel) })
		}
	}
	if !started {
		_ = channel.Close()
	}
}

func (s *Server) files(channel ssh.Channel) {
	defer channel.Close()
	tree := &tree{server: s}
	if s.options.Lie != nil {
		channel = &liar{Channel: channel, lie: s.options.Lie}
	}
	server := sftp.NewRequestServer(&versionWriter{Channel: channel, extensions: s.extensions()},
		sftp.Handlers{FileGet: tree, FilePut: tree, FileCmd: tree, FileList: tree})
	if err := server.Serve(); err == nil || errors.Is(err, io.EOF) {
		_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{0}))
	}
}

func (s *Server) extensions() []string {
	switch {
	case s.options.NoExtensions:
		return nil
	case s.options.NoPosixRename:
		return []string{"hardlink@openssh.com", "1"}
	}
	return []string{"posix-rename@openssh.com", "1", "hardlink@openssh.com", "1"}
}

// versionWriter replaces the extensions in the server's first packet (SSH_FXP_VERSION): pkg/sftp keeps them in one list
// for all servers of a process.
type versionWriter struct {
	ssh.Channel
	extensions []string
	seen       []byte // of the first packet
	done       bool
}

func (w *versionWriter) Write(p []byte) (int, error) {
	if w.done {
		return w.Channel.Write(p)
	}
	w.seen = append(w.seen, p...)
	if len(w.seen) < 4 || len(w.seen) < 4+int(binary.BigEndian.Uint32(w.seen)) {
		return len(p), nil
	}
	w.done = true
	const version, number = 2, 3
	packet := binary.BigEndian.AppendUint32([]byte{version}, number)
	for _, e := range w.extensions {
		packet = append(binary.BigEndian.AppendUint32(packet, uint32(len(e))), e...)
	}
	packet = append(binary.BigEndian.AppendUint32(nil, uint32(len(packet))), packet...)
	packet = append(packet, w.seen[4+int(binary.BigEndian.Uint32(w.seen)):]...)
	_, err := w.Channel.Write(packet)
	return len(p), err
}

// Disconnect cuts all connections; new ones are served.
func (s *Server) Disconnect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close()
	}
}

// SetSpace sets how many more bytes may be written until the disk is full; negative: without limit.
func (s *Server) SetSpace(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.Space, s.space = max(n, 1), n
	if n < 0 {
		s.options.Space = 0
	}
}

// giveBack has room on the disk again for what was removed.
func (s *Server) giveBack(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.space += n
}

// SetReadOnly takes the permission to write away, or gives it back.
func (s *Server) SetReadOnly(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.ReadOnly = on
}

func (s *Server) readOnly() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.options.ReadOnly
}

// Close ends the server and all its connections, and waits for them.
func (s *Server) Close() error {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	err := s.listen.Close()
	s.Disconnect()
	s.work.Wait()
	return errors.Join(err, s.root.Close())
}
