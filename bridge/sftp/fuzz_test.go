package sftp

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/ssh"
)

// FuzzKnownHosts: whatever stands in known_hosts, an error has words, and a host key that the file does not hold is refused.
func FuzzKnownHosts(f *testing.F) {
	f.Add("[127.0.0.1]:2222 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJYbmJEyYtSBTRL1gQBWnKnyMHQJrA6GxgNsjbWMfQcv\n")
	f.Add("@cert-authority *.example.com ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAQQ==\n@revoked * ssh-dss AAAA\n")
	f.Add("|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ssh-ed25519 AAAA # comment\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := &Remote{name: "sap", address: "127.0.0.1:2222", knownHosts: filepath.Join(t.TempDir(), "known_hosts")}
		r.algorithms.HostKeys = []string{ssh.KeyAlgoED25519, ssh.KeyAlgoRSASHA512}
		if err := os.WriteFile(r.knownHosts, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := r.readPins()
		if (p == nil) == (err == nil) || err == nil && len(p.algorithms) == 0 {
			t.Errorf("%+v, %v", p, err)
		}
	})
}
