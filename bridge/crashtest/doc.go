// Package crashtest holds no code of the product: its tests kill the real bridge, break what it is connected to, and let
// chance play with it, and compare the end with that of a bridge that nothing happened to.
//
//   - crash_test.go: SIGKILL at every named step and at random moments
//   - faults_test.go: bad networks, full disks, lost permissions, and a shop in trouble
//   - month_test.go: a month in minutes, with a disk that is lost and a shop that is restored
//   - fleet_test.go: several bridges that share one PostgreSQL, and what may happen to them and to it
//   - promises_test.go: any sequence of drops, outages, crashes and decisions keeps the promises
//
// Each has a short form, which is an ordinary test, and a long one: OROBRIDGE_SOAK=1, or scripts/soak. Chance is seeded;
// a failing test prints its seed, and OROBRIDGE_SEED=n plays it again.
package crashtest
