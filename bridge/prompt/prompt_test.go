package prompt

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"
)

// pair is a connection over loopback: a client's end, and the server's that waits for a prompt one.
func pair(t *testing.T) (client net.Conn, server *Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	client, err = net.Dial("tcp", l.Addr().String())
	must(t, err)
	tcp, err := l.Accept()
	must(t, err)
	t.Cleanup(func() { _, _ = client.Close(), tcp.Close() })
	return client, New(tcp)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Whoever waits for a prompt client hears all it says, alone or beside others who wait for theirs, and its end; also where their connections
// leave Go's poller while they talk.
func TestAPromptClientIsHeard(t *testing.T) {
	const clients, words = 4, 500
	said := make(chan error)
	for i := range clients {
		client, server := pair(t)
		if i%2 == 0 {
			server.Apart()
		}
		go func() { // the client: it waits for each answer
			for i := range words {
				answer := []byte{0}
				if _, err := client.Write([]byte{byte(i)}); err != nil {
					said <- err
					return
				}
				if _, err := io.ReadFull(client, answer); err != nil || answer[0] != byte(i) {
					said <- errors.Join(errors.New("another answer"), err)
					return
				}
			}
			said <- client.Close()
		}()
		go func() {
			_, err := io.Copy(server, server)
			said <- err
		}()
	}
	for range 2 * clients {
		must(t, <-said)
	}
}

// A client that has been prompt, and says no more, is waited for as any other: its connection can be closed, and has deadlines.
func TestAPromptClientThatFallsSilent(t *testing.T) {
	_, server := pair(t)
	server.prompt = true
	must(t, server.SetReadDeadline(time.Now().Add(-time.Second)))
	if _, err := server.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("behind its deadline: %v", err)
	}
	must(t, server.SetReadDeadline(time.Time{}))
	ended := make(chan error)
	go func() {
		server.prompt = true
		_, err := server.Read(make([]byte, 1))
		ended <- err
	}()
	must(t, server.Close())
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// A connection that has left Go's poller is closed while somebody waits for it, and while somebody writes what nobody reads.
func TestAConnectionApartIsClosed(t *testing.T) {
	client, server := pair(t)
	server.Apart()
	echo := make(chan error)
	go func() {
		_, err := io.Copy(server, server)
		echo <- err
	}()
	for i := 0; server.own.Load() == nil && i < 10_000; i++ {
		_, err := client.Write([]byte{1})
		must(t, err)
		_, err = io.ReadFull(client, make([]byte, 1))
		must(t, err)
	}
	if server.own.Load() == nil && runtime.GOOS == "linux" && runtime.GOMAXPROCS(0) > 1 {
		t.Fatal("it has not left")
	}
	must(t, server.Close())
	if err := <-echo; err != nil && !errors.Is(err, net.ErrClosed) {
		t.Errorf("it ended with %v", err)
	}
	if _, err := server.Write([]byte{1}); err == nil {
		t.Error("something was written after the end")
	}
	if _, err := client.Read(make([]byte, 1)); err == nil {
		t.Error("the client has not heard the end")
	}

	client, server = pair(t)
	server.prompt = true
	server.Apart()
	go func() { _, _ = client.Write([]byte{1}) }()
	_, err := io.ReadFull(server, make([]byte, 1))
	must(t, err)
	wrote := make(chan error)
	go func() {
		_, err := io.Copy(server, endless{})
		wrote <- err
	}()
	must(t, server.Close())
	if err := <-wrote; err == nil {
		t.Error("all was written")
	}
}

// endless is a text without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
