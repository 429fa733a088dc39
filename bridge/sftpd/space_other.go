//go:build !linux

package sftpd

import (
	"os"

	"github.com/pkg/sftp"
)

func space(*os.Root) (*sftp.StatVFS, error) { return nil, sftp.ErrSSHFxOpUnsupported }
