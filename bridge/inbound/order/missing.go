package order

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/orobridge/orobridge/bridge"
)

// Missing says which numbers are missing right before a drop. They count within a date where names have one; at a new
// date they may begin anew, with 0 or 1, or go on. Before the first drop of a feed nothing is missing. What came to the front of the
// feed ("": it has none) is not missing, though the feed got no part of it.
func Missing(ctx context.Context, ledger Ledger, d *bridge.Drop, front string) (string, error) {
	n, ok := parseSeq(d.Seq)
	if !ok {
		return "", nil
	}
	p, err := Last(ctx, ledger, d.Feed, NumberRank(d))
	if err != nil || p == nil {
		return "", err
	}
	if front != "" {
		came, err := Last(ctx, ledger, front, NumberRank(d))
		if err != nil {
			return "", err
		}
		if came != nil && came.Rank > p.Rank {
			p = came
		}
	}
	from, ok := parseSeq(p.Seq)
	if !ok {
		return "", nil
	}
	if p.Date != d.Date {
		if n == from+1 {
			return "", nil
		}
		from = 0
	}
	switch {
	case n <= from+1:
		return "", nil
	case n == from+2:
		return fmt.Sprintf("number %d is missing before it", from+1), nil
	}
	return fmt.Sprintf("numbers %d to %d are missing before it", from+1, n-1), nil
}

// parseSeq reads a sequence number; one that is no number, or too long for one, has no neighbours.
func parseSeq(s string) (uint64, bool) {
	n, err := strconv.ParseUint("0"+strings.TrimSpace(s), 10, 62)
	return n, err == nil && s != ""
}
