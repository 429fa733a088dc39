package sftp

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/orobridge/orobridge/bridge"
)

// algorithms are those that a connection may use: what x/crypto/ssh holds to be sound, which is less than what it uses by
// default, and those broken ones that the config names, after all sound ones.
func algorithms(legacy []string) (ssh.Algorithms, error) {
	use, broken := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	lists := []struct{ use, broken *[]string }{
		{&use.KeyExchanges, &broken.KeyExchanges}, {&use.Ciphers, &broken.Ciphers}, {&use.MACs, &broken.MACs},
		{&use.HostKeys, &broken.HostKeys}, {&use.PublicKeyAuths, &broken.PublicKeyAuths},
	}
	for _, name := range legacy {
		known := false
		for _, l := range lists {
			if slices.Contains(*l.broken, name) {
				known = true
				*l.use = append(*l.use, name)
			}
		}
		if !known {
			return use, fmt.Errorf("legacy algorithm %q: there is none of that name; there are %s", name, strings.Join(brokenAlgorithms(), ", "))
		}
	}
	return use, nil
}

// brokenAlgorithms are all that legacy_algorithms may name.
func brokenAlgorithms() []string {
	b := ssh.InsecureAlgorithms()
	all := slices.Concat(b.KeyExchanges, b.Ciphers, b.MACs, b.HostKeys, b.PublicKeyAuths)
	slices.Sort(all)
	return slices.Compact(all)
}

// offered are the broken algorithms among those that a server knows.
func offered(server []string) []string {
	all := brokenAlgorithms()
	return slices.DeleteFunc(slices.Clone(server), func(name string) bool { return !slices.Contains(all, name) })
}

// legacyUsed are the broken ones that a connection has agreed on.
func legacyUsed(conn ssh.Conn) []string {
	negotiated, ok := conn.(ssh.AlgorithmsConnMetadata)
	if !ok {
		return nil
	}
	a := negotiated.Algorithms()
	used := offered([]string{a.KeyExchange, a.HostKey, a.Read.Cipher, a.Write.Cipher, a.Read.MAC, a.Write.MAC})
	slices.Sort(used)
	return slices.Compact(used)
}

// algorithms warns of broken algorithms that are allowed; it is no failure, since somebody decided so.
func (k checking) algorithms() []bridge.Finding {
	if len(k.legacy) == 0 {
		return nil
	}
	f := bridge.Finding{Subject: "remote " + k.name, What: "look which algorithms protect the connection", OK: true,
		Detail: "WARNING: broken ones are allowed by legacy_algorithms: " + strings.Join(k.legacy, ", "),
		Hint:   "whoever stands between may read or change what is transferred: have the server renewed"}
	if used := legacyUsed(k.c.ssh.Conn); len(used) > 0 {
		f.Detail += "; in use: " + strings.Join(used, ", ")
	} else {
		f.Detail += "; none of them is needed for the connection"
		f.Hint = "remove legacy_algorithms, unless the login needs ssh-rsa"
	}
	return []bridge.Finding{f}
}
