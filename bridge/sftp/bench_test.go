package sftp_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/sftp"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
)

// BenchmarkListing lists a folder of OpenSSH's server in which very many files wait. How long it takes is the server's matter; cpu-ms/op is
// what it costs here.
func BenchmarkListing(b *testing.B) {
	const files = 50_000
	sshd := sftptest.Sshd(b)
	for i := range files {
		if err := os.WriteFile(filepath.Join(sshd.Root, fmt.Sprintf("p%06d.csv", i)), []byte("x"), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	key, err := os.ReadFile(sshd.KeyFile)
	if err != nil {
		b.Fatal(err)
	}
	r, err := sftp.New("sap", &sftp.Options{Path: sshd.Folder, Address: sshd.Address, User: sshd.User,
		PrivateKey: bridge.Secret(key), KnownHostsFile: sshd.KnownHostsFile})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	b.ReportAllocs()
	before := used()
	for b.Loop() {
		if listed, err := r.List(b.Context(), ""); err != nil || len(listed) != files {
			b.Fatal(len(listed), err)
		}
	}
	b.ReportMetric(float64((used()-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
}

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
