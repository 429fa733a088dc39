package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
)

const (
	head    = "price_list,sku,unit,quantity,currency,value\n"
	sameRow = "Retail EUR,SKU-00000000,item,1,EUR,12.50\n"
)

// A generator serves a file by SFTP that stands on no disk: a header and so many rows which all repeat one key. In the folder
// there is a hole of that size; what is read of it is made up.
type generator struct {
	*sftptest.Server
	config string // remotes
}

func generate(dir string, rows int) (*generator, error) {
	root := filepath.Join(dir, "erp")
	size := int64(len(head)) + int64(rows)*int64(len(sameRow))
	path := filepath.Join(root, "a.csv")
	err := errors.Join(os.MkdirAll(root, 0o755), os.WriteFile(path, nil, 0o600), os.Truncate(path, size))
	key, keyErr := sftptest.NewKey()
	if err = errors.Join(err, keyErr); err != nil {
		return nil, err
	}
	server, err := sftptest.Serve(sftptest.Options{Root: root, HostKey: key, Users: map[string]sftptest.User{"erp": {Password: "erp"}},
		Lie: func(q sftptest.Request) []byte { return madeUp(q, size) }})
	if err != nil {
		return nil, err
	}
	known := filepath.Join(dir, "known_hosts")
	err = os.WriteFile(known, []byte(sftptest.KnownHost(server.Address, key.PublicKey())+"\n"), 0o600)
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return &generator{server, fmt.Sprintf("remotes:\n  erp: { kind: sftp, address: '%s', user: erp, password: erp, known_hosts_file: '%s' }\n",
		server.Address, known)}, nil
}

// madeUp answers a request to read; the server answers all others, and what is asked for behind the file's end.
func madeUp(q sftptest.Request, size int64) []byte {
	place := 4 + len(q.Path()) // an offset of 8 bytes and a length of 4 stand behind the handle
	if q.Type != sftptest.Read || len(q.Body) < place+12 {
		return nil
	}
	from := int64(binary.BigEndian.Uint64(q.Body[place:]))
	to := min(from+int64(binary.BigEndian.Uint32(q.Body[place+8:])), size)
	if from >= to {
		return nil
	}
	var text strings.Builder
	for at := from; at < to; {
		piece := sameRow
		if at < int64(len(head)) {
			piece = head[at:]
		} else {
			piece = piece[(at-int64(len(head)))%int64(len(sameRow)):]
		}
		piece = piece[:min(int64(len(piece)), to-at)]
		text.WriteString(piece)
		at += int64(len(piece))
	}
	return q.Answer(sftptest.Data, sftptest.Text(text.String()))
}

// largeFile loads a file over SFTP, and one of 10 MB. The rows repeat one key, so that the file is all that is large.
func largeFile(b *bench, dir string) ([]figure, error) {
	const few = 10_000_000 / len(sameRow)
	n := b.of(2_000_000, 240_000_000) // of some 10 GB
	if err := b.open(1, 0); err != nil {
		return nil, err
	}
	var peaks []float64
	for _, rows := range []int{few, n} {
		site := filepath.Join(dir, fmt.Sprint(rows))
		erp, err := generate(site, rows)
		if err != nil {
			return nil, err
		}
		err = b.site(site, erp.config+`feeds:
  - { name: prices, entity: prices, remote: erp, folder: /, match: '*.csv', format: { kind: csv }, ready: { stable: 0s }, max_size: 100GiB }
`)
		if err != nil {
			return nil, errors.Join(err, erp.Close())
		}
		t, err := b.orobridge(site, "run", "--once")
		if err = errors.Join(err, erp.Close(), os.RemoveAll(filepath.Join(site, "var"))); err != nil {
			return nil, err
		}
		peaks = append(peaks, t.peak)
	}
	return []figure{
		{fmt.Sprintf("memory: a file of %d rows over SFTP to one of %d", n, few), peaks[1] / peaks[0], 1.1, "times", false},
		{"  peak memory", peaks[1], 64, "MB", false},
	}, nil
}
