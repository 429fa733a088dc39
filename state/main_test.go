package state

import (
	"testing"

	"github.com/orobridge/orobridge/state/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }
