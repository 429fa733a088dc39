package bridge

// Forgotten counts what of a customer was removed from a ledger.
type Forgotten struct {
	Links    int64 `json:"links"` // what the shop last accepted: one or none
	History  int64 `json:"history"`
	Parked   int64 `json:"parked"`
	Rejects  int64 `json:"rejects"`
	Warnings int64 `json:"warnings"`
}

// Nothing says that there was nothing.
func (f Forgotten) Nothing() bool { return f == Forgotten{} }

// With is what was removed of both.
func (f Forgotten) With(o Forgotten) Forgotten {
	return Forgotten{f.Links + o.Links, f.History + o.History, f.Parked + o.Parked, f.Rejects + o.Rejects, f.Warnings + o.Warnings}
}
