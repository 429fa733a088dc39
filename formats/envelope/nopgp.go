//go:build !pgp

package envelope

import (
	"errors"
	"os"
)

var errNoPGP = errors.New("kind: pgp: this build has no OpenPGP (build tag pgp)")

func (l *Layer) checkKeys() error { return errNoPGP }

func (l *Layer) decrypt(*os.File, *caps, Part) error { return errNoPGP }
