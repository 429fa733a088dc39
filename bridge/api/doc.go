// Package api is the bridge for other systems: the read models and decisions of bridge/operate over HTTP, below /api/v1.
//
// Contract. An answer is the JSON that the verb of the same name prints with --json; names are added and never changed. Lists are
// arrays, oldest first; a page that may go on has a Link header with rel="next", whose address is to be taken as it is. An error is
// application/problem+json (RFC 9457) with a detail and, where there is something to do about it, a hint. Who may what is decided
// before a handler runs ([admit.Gate]); each operation names the role that it needs. A decision says why, and with an
// Idempotency-Key it is carried out once, however often it is sent: the answer of the first time is kept for a day. It is a change of
// the ledger, which the bridge in this process then carries out.
//
// Limits: a body of at most 1 MiB, an uploaded file of at most what its feed reads; pages of at most 1,000; at most maxStreams
// followers of events at once.
//
// The description in OpenAPI 3.1 stands at /api/v1/openapi.json; testdata/openapi.json is the one of the last release, which every
// later one has to honour.
package api
