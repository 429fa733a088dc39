package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/orobridge/orobridge/state"
	"github.com/orobridge/orobridge/state/postgres/postgrestest"
)

// onPostgres plans prices that the shop has all accepted, with the ledger in PostgreSQL on the same machine.
func onPostgres(b *bench, dir string) (_ []figure, err error) {
	n := b.of(200_000, 1_000_000)
	err = errors.Join(b.site(dir, onDisk), b.known(dir, "prices", n, knownPrice), prices(filepath.Join(dir, "a.csv"), n, 0, inOrder))
	if err != nil {
		return nil, err
	}
	cluster, err := postgrestest.New()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, cluster.Remove()) }()
	began := time.Now()
	if _, err := state.MoveToPostgres(context.Background(), filepath.Join(dir, "var"), cluster.Address(), "bench", began); err != nil {
		return nil, err
	}
	moved := time.Since(began)
	config := filepath.Join(dir, "orobridge.yaml")
	text, err := os.ReadFile(config)
	if err != nil {
		return nil, err
	}
	text = bytes.Replace(text, []byte("dir: ./var"), []byte("dir: ./var, postgres: '"+cluster.Address()+"'"), 1)
	if err := os.WriteFile(config, text, 0o600); err != nil {
		return nil, err
	}
	t, err := b.orobridge(dir, "plan", "prices", "a.csv")
	return []figure{
		{fmt.Sprintf("planning %d unchanged prices, the ledger in PostgreSQL", n), float64(n) / t.wall.Seconds(), 300_000, "rows/s", true},
		{"  peak memory", t.peak, 64, "MB", false},
		{"  carried over to there before", float64(3*n) / moved.Seconds(), 20_000, "rows/s", true},
	}, err
}
