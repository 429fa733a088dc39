// Package admit says who is there and what they may do: the people of the admin section with their passwords and sessions,
// programs with their tokens, people whom a trusted proxy names, and those of a provider of OpenID Connect whose groups have a role.
//
// Contract. Whoever is let in is a [Caller] in the request's context; no handler behind [Gate.Require] runs without one. A
// stranger learns nothing from an answer or from how long it takes: a wrong name, a wrong password and a name that may not log in
// look the same. Sessions and tokens stand in the ledger as hashes, so that whoever reads it can't use them; a session is a new one
// after each log-in, ends after [Idle] without a request and [Lifetime] in all, and at once when the password or the user changes in the
// config, or the role of the group. Who comes in and goes out stands in the audit.
//
// Limits: names and passwords of at most 1 KiB; at most two passwords are checked at a time; who guesses waits longer each time
// ([password.Throttle]), and at most maxWaiting do so at once.
package admit
