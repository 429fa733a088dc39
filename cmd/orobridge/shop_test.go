package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
)

// The shop in a box answers as soon as it has said where it is, and goes with Ctrl-C.
func TestShop(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, in := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"shop", "--listen", "127.0.0.1:0", "--json"}, bytes.NewReader(nil), in, io.Discard)
		in.Close()
	}()
	var login struct {
		URL    string `json:"url"`
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&login); err != nil {
		t.Fatal(err)
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {login.ID}, "client_secret": {login.Secret}}
	answer, err := http.PostForm(login.URL+"/oauth2-token", form)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("token: %s", answer.Status)
	}
	http.DefaultClient.CloseIdleConnections()
	stop()
	_, _ = io.Copy(io.Discard, out)
	if c := <-code; c != exitDone {
		t.Errorf("exit code %d", c)
	}
}

// What the shop is, and what becomes of it, is said on the command line.
func TestShopFlags(t *testing.T) {
	for _, args := range [][]string{{"--version", "5.1"}, {"--fault", "rain=1"}, {"--fault", "429=0"}, {"--seed", "much"}} {
		if code := run(t.Context(), append([]string{"shop"}, args...), bytes.NewReader(nil), io.Discard, io.Discard); code != exitUsage {
			t.Errorf("%v: exit code %d", args, code)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	record := filepath.Join(t.TempDir(), "asked.jsonl")
	out, in := io.Pipe()
	code := make(chan int, 1)
	go func() {
		args := []string{"shop", "--listen", "127.0.0.1:0", "--json", "--version", "7.0", "--fault", "429=1", "--record", record}
		code <- run(ctx, args, bytes.NewReader(nil), in, io.Discard)
		in.Close()
	}()
	var login struct{ URL string }
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&login); err != nil {
		t.Fatal(err)
	}
	answer, err := http.Get(login.URL + "/admin/api/regions/PL-02")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusTooManyRequests {
		t.Errorf("one of one is answered %s", answer.Status)
	}
	http.DefaultClient.CloseIdleConnections()
	stop()
	_, _ = io.Copy(io.Discard, out)
	if c := <-code; c != exitDone {
		t.Errorf("exit code %d", c)
	}
	if asked, err := os.ReadFile(record); err != nil || !bytes.Contains(asked, []byte(`"path":"/admin/api/regions/PL-02"`)) {
		t.Errorf("recorded %s, %v", asked, err)
	}
}
