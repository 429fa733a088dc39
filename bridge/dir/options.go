package dir

import "github.com/orobridge/orobridge/bridge"

// Options are the config of a remote of kind dir.
type Options struct {
	Path string          `yaml:"path" jsonschema:"required,format=path" doc:"the folder"`
	Mode bridge.FileMode `yaml:"mode" doc:"permissions of the files that the bridge writes, such as 0640; 0644 less the umask by default"`
}

var _ bridge.RemoteOptions = (*Options)(nil)

// Check implements [bridge.RemoteOptions]: the tags have said it all.
func (o *Options) Check() error { return nil }

// Apart implements [bridge.Placed].
func (o *Options) Apart() (what, hint string) {
	return "a folder of their own", "let it be the same folder on all of them, such as a mount"
}

// Open implements [bridge.RemoteOptions].
func (o *Options) Open(s bridge.RemoteSetup) (bridge.Remote, error) {
	return New(s.Name, o, WithIdentity(s.Identity))
}
