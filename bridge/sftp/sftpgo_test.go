//go:build unix && sftpgo

package sftp_test

import (
	"testing"

	"github.com/orobridge/orobridge/bridge/remotetest"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
)

func TestConformanceSFTPGo(t *testing.T) {
	t.Parallel()
	remotetest.Test(t, func(t *testing.T) remotetest.Place {
		s := sftptest.SFTPGo(t)
		return remotetest.Place{Remote: open(t, loginConfig(t, s.Login)), Root: s.Root, Many: 2_000}
	})
}
