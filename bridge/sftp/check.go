package sftp

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/orobridge/orobridge/bridge"
)

// Check makes a new connection and tells how far it comes, then what the server offers. It writes nothing. It stops at
// the first step that fails.
func (r *Remote) Check(ctx context.Context) []bridge.Finding {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.life, cancel)()

	c, at, err := r.dial(ctx)
	findings := r.steps(at, err)
	if err != nil {
		return findings
	}
	defer c.close()
	_ = c.run(ctx, func() error {
		k := checking{r, c}
		findings = append(findings, k.algorithms()...)
		findings = append(findings, k.folder(), k.extensions())
		findings = append(findings, k.space()...)
		return nil
	})
	return findings
}

// checking looks at what a connection offers.
type checking struct {
	*Remote
	c *conn
}

// steps tells how far a dial came.
func (r *Remote) steps(at stage, err error) []bridge.Finding {
	what := []string{"connect to " + r.address, "recognise the server by its host key", "log in as " + r.user, "start SFTP"}
	found := []string{"connected", "the key is the pinned one", "let in", "started"}
	var findings []bridge.Finding
	for i := range what {
		f := bridge.Finding{Subject: "remote " + r.name, What: what[i], OK: stage(i) < at, Detail: found[i]}
		if stage(i) == at && err != nil {
			f = r.failed(what[i], err)
		}
		if stage(i) <= at {
			findings = append(findings, f)
		}
	}
	return findings
}

func (r *Remote) failed(what string, err error) bridge.Finding {
	return bridge.Finding{Subject: "remote " + r.name, What: what, Detail: err.Error(), Hint: bridge.HintOf(err),
		Unreachable: errors.Is(err, bridge.ErrUnreachable)}
}

// folder lists the folder below which the feeds' folders stand.
func (k checking) folder() bridge.Finding {
	full := k.c.full(place{border: k.root})
	what := "list folder " + full
	info, err := k.c.files.Stat(full) // the root may be a link
	if mode, known := modeOf(info); err == nil && known {
		err = bridge.WantFolder(mode, full)
	}
	var files []bridge.File
	if err == nil {
		files, err = k.c.list(full)
	}
	if err != nil {
		return k.failed(what, k.explain("list", full, k.c, err))
	}
	return bridge.Finding{Subject: "remote " + k.name, What: what, OK: true, Detail: strconv.Itoa(len(files)) + " entries"}
}

// extensions tells what kind of rename there is; a lack is no failure.
func (k checking) extensions() bridge.Finding {
	f := bridge.Finding{Subject: "remote " + k.name, What: "ask for extensions", OK: true, Detail: "posix-rename is offered"}
	if _, ok := k.c.files.HasExtension("posix-rename@openssh.com"); !ok {
		f.Detail = "posix-rename is not offered: the plain rename is used"
		f.Hint = "nothing to do, as long as only one bridge writes here"
	}
	if _, ok := k.c.files.HasExtension("fsync@openssh.com"); !ok {
		f.Detail += "; fsync is not offered: when a file is on the disk is up to the server"
	}
	return f
}

// space tells the free space where the server does.
func (k checking) space() []bridge.Finding {
	if _, ok := k.c.files.HasExtension("statvfs@openssh.com"); !ok {
		return nil
	}
	vfs, err := k.c.files.StatVFS(k.c.full(place{border: k.root}))
	if err != nil || vfs == nil {
		return nil // best effort: many servers offer it and refuse it
	}
	free := vfs.Bavail * vfs.Frsize
	f := bridge.Finding{Subject: "remote " + k.name, What: "look for free space", OK: free >= 100<<20,
		Detail: fmt.Sprintf("%.1f GiB free", float64(free)/(1<<30))}
	if !f.OK {
		f.Hint = "make room on the server's disk: less than 100 MiB is left"
	}
	return []bridge.Finding{f}
}
