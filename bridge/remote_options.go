package bridge

import "log/slog"

// RemoteOptions are the options of one kind of remote. The implementation is a pointer to a struct with the tags that
// package config reads, so that what a config says of a remote is decoded straight into it. A new kind of remote is a
// package with such a struct, and one line in the program's registry.
type RemoteOptions interface {
	// Check reports options that make no sense, all of them at once (errors.Join), as formats.OptionErrors. It opens
	// nothing. What the tags say is checked already. A secret that can't be read here is some other text: Check may
	// ask whether it is given, and no more.
	Check() error
	// Open makes the remote. It does not connect yet. Errors are *Error with fate Stop.
	Open(RemoteSetup) (Remote, error)
}

// Doubtful options know of what works but should not stay, such as algorithms that are broken: a config warns of it.
type Doubtful interface {
	// Doubts is like Check, for what is no error.
	Doubts() error
}

// Placed options are of a remote that stands on the bridge's own machine: bridges that share their work on several have one each.
type Placed interface {
	// Apart says what each of them has of its own ("a folder of their own"), and what to do about that.
	Apart() (what, hint string)
}

// RemoteSetup is what a remote is told besides its options.
type RemoteSetup struct {
	Name     string       // the remote's, in the config
	Identity string       // the ledger's, small letters and digits: temporary names carry it; empty where there is none
	State    string       // local folder for what must outlive the process: state.dir of the config
	Folders  []string     // folders of the remote that feeds and exports name, each once, in alphabetical order
	Own      []string     // folders in them that are the bridge's alone: where files lie while they are loaded
	Log      *slog.Logger // never nil
}
