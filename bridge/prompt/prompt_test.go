package prompt

import (
	"errors"
	"io"
	"net"
	"os"
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

// Whoever waits for a prompt client hears all it says, alone or beside others who wait for theirs, and its end.
func TestAPromptClientIsHeard(t *testing.T) {
	const clients, words = 4, 500
	said := make(chan error)
	for range clients {
		client, server := pair(t)
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
