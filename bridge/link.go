package bridge

import (
	"time"

	"github.com/orobridge/orobridge/formats"
)

// Link is what Oro last accepted under a key.
type Link struct {
	ID      int64
	Entity  string
	Key     string
	OroID   string
	Content []formats.Value // sorted by field
	Removed bool            // the last change was a removal
	Drop    int64           // drop, run and line that set it; 0 when it was adopted without a file
	Run     int64
	Line    int64
	At      time.Time
}

// LinkRef is the short form of a link that planning reads for every row.
type LinkRef struct {
	ID          int64 // 0: the ledger does not know the key
	Fingerprint int64
}

// Event is one entry of a key's history.
type HistoryEntry struct {
	Entity string          `json:"entity"`
	Key    string          `json:"key"`
	Drop   int64           `json:"drop"`
	Run    int64           `json:"run"`
	Line   int64           `json:"line"`
	Fate   RowFate         `json:"fate"`
	Sent   []formats.Value `json:"sent"`
	Detail string          `json:"detail,omitempty"`
	At     time.Time       `json:"at"`
}
