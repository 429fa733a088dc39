package sftp_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/sftp"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
)

// BenchmarkTransfer moves files through OpenSSH's server, next door and 20 ms away: a large drop in, a small order out.
func BenchmarkTransfer(b *testing.B) {
	const size = 4 << 20
	sshd := sftptest.Sshd(b)
	if err := os.WriteFile(filepath.Join(sshd.Root, "f.bin"), random(size), 0o644); err != nil {
		b.Fatal(err)
	}
	key, err := os.ReadFile(sshd.KeyFile)
	if err != nil {
		b.Fatal(err)
	}
	for _, roundTrip := range []time.Duration{0, 20 * time.Millisecond} {
		p, err := sftptest.NewProxy(sshd.Address)
		if err != nil {
			b.Fatal(err)
		}
		p.Latency(roundTrip)
		l, err := sshd.Via(p.Address)
		if err != nil {
			b.Fatal(err)
		}
		r, err := sftp.New("sap", &sftp.Options{Path: l.Folder, Address: l.Address, User: l.User,
			PrivateKey: bridge.Secret(key), KnownHostsFile: l.KnownHostsFile})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("fetch/%v", roundTrip), func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Fetch(b.Context(), "f.bin", io.Discard); err != nil {
					b.Fatal(err)
				}
			}
		})
		n := 0
		b.Run(fmt.Sprintf("put/%v", roundTrip), func(b *testing.B) {
			order := random(4 << 10)
			b.ReportAllocs()
			for b.Loop() {
				n++
				if err := r.Put(b.Context(), fmt.Sprintf("ORD_%v_%d.csv", roundTrip, n), bytes.NewReader(order)); err != nil {
					b.Fatal(err)
				}
			}
		})
		_ = r.Close()
		p.Close()
	}
}
