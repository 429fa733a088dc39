package dir

import "github.com/orobridge/orobridge/bridge"

// Options are the config of a remote of kind dir.
type Options struct {
	Path string `yaml:"path" jsonschema:"required,format=path" doc:"the folder"`
}

var _ bridge.RemoteOptions = (*Options)(nil)

// Check implements [bridge.RemoteOptions]: the tags have said it all.
func (o *Options) Check() error { return nil }

// Open implements [bridge.RemoteOptions].
func (o *Options) Open(s bridge.RemoteSetup) (bridge.Remote, error) { return New(s.Name, o) }
