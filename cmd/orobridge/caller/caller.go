// Package caller knows who sits at the command line.
package caller

import (
	"os"
	"os/user"
	"strings"

	"github.com/orobridge/orobridge/bridge"
)

// Decision is who gives a verb: the account by its uid, whatever the environment says, and the machine. Behind sudo or su the system
// still knows who had logged in (pam_loginuid(8)), and the audit says it as well.
func Decision() bridge.Decision {
	name := "unknown"
	d := bridge.Decision{From: bridge.CommandLine}
	if u, err := user.Current(); err == nil {
		name = u.Username
		if first := loggedIn(); first != "" && first != name {
			d.From += " of " + first
		}
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	d.Who = name
	return d
}

// nobodyLoggedIn is the uid of processes that no log-in has begun, such as a service's.
const nobodyLoggedIn = "4294967295"

// loggedIn is the account that has logged in to the session of this process; empty where the system does not know.
func loggedIn() string {
	text, err := os.ReadFile("/proc/self/loginuid")
	uid := strings.TrimSpace(string(text))
	if err != nil || uid == nobodyLoggedIn {
		return ""
	}
	u, err := user.LookupId(uid)
	if err != nil {
		return "uid " + uid
	}
	return u.Username
}
