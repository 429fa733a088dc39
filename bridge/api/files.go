package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/admit"
	"github.com/orobridge/orobridge/bridge/operate"
)

// Uploads are the patterns of the requests that carry files, which are longer than others.
var Uploads = []string{"POST " + Path + "/feeds/{feed}/files", "POST " + Path + "/feeds/{feed}/plan"}

// pieceWithin is how long a sender may take for the next piece of a file.
const pieceWithin = 30 * time.Second

// maxName bounds the name of a file that is handed in, bytes: what file systems take.
const maxName = 255

// HandIn names the file that stands in a request's body.
type HandIn struct {
	Feed string `path:"feed" maxLength:"255"`
	Name string `query:"name" required:"true" maxLength:"255" doc:"the file's name, as the sender would have written it"`
	Why  string `query:"why" maxLength:"4096" doc:"for the journal and the audit"`
	Once
}

// upload is a request whose body is a file. The body is read as it comes and not held in memory.
type upload struct {
	HandIn
	body io.Reader
}

// Resolve implements huma.Resolver: it keeps the body's reader.
func (u *upload) Resolve(c huma.Context) []error {
	u.body = &patient{c, c.BodyReader()}
	return nil
}

// patient reads a long body: each piece has its own time.
type patient struct {
	c    huma.Context
	body io.Reader
}

// Read implements io.Reader.
func (p *patient) Read(b []byte) (int, error) {
	_ = p.c.SetReadDeadline(time.Now().Add(pieceWithin)) // where there is none to set, none ends it
	return p.body.Read(b)
}

// files registers the way in for files.
func (s *server) files(a huma.API) {
	file(s, a, "/feeds/{feed}/files", "hand-in", "Hand a file in, as a drop of a feed",
		func(ctx context.Context, in *HandIn, path string) (*Outcome, error) {
			desk := *s.desk(ctx)
			desk.By = admit.CallerOf(ctx).Decision(in.Why)
			return outcome(operate.Hands{Desk: &desk}.HandIn(ctx, in.Feed, path))
		})
	file(s, a, "/feeds/{feed}/plan", "plan-file", "What a file would do, as a drop of a feed; nothing is kept of it",
		func(ctx context.Context, in *HandIn, path string) (*operate.Plan, error) {
			v, err := s.desk(ctx).Plan(ctx, in.Feed, path, operate.PlanOptions{Weigh: true})
			if err != nil {
				return nil, err
			}
			v.File = in.Name
			return v, nil
		})
}

// file registers an operation about a file in the request's body.
func file[O any](s *server, a huma.API, path, id, summary string, act func(context.Context, *HandIn, string) (O, error)) {
	op := s.operation(http.MethodPost, path, id, summary, admit.Operator)
	op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/octet-stream": {
		Schema: &huma.Schema{Type: "string", Format: "binary"}}}}
	huma.Register(a, op, func(ctx context.Context, in *upload) (*found[O], error) {
		var out O
		err := s.withFile(ctx, in, func(path, sum string) (err error) {
			out, err = carryOut(ctx, s, admit.CallerOf(ctx).Name, in.Key, id, []string{in.Feed, in.Name, sum},
				func() (O, error) { return act(ctx, &in.HandIn, path) })
			return err
		})
		if err != nil {
			return nil, s.problemOf(err)
		}
		return &found[O]{out}, nil
	})
}

// withFile has something done with the file of a request, which stands in a folder of its own for as long as that takes.
func (s *server) withFile(ctx context.Context, in *upload, do func(path, sum string) error) (err error) {
	f, err := operate.FeedOf(s.desk(ctx).Feeds, in.Feed)
	if err != nil {
		return err
	}
	if name := in.Name; name == "." || name == ".." || len(name) > maxName || strings.ContainsAny(name, "/\\\x00") || !utf8.ValidString(name) {
		return problem(http.StatusUnprocessableEntity, "this is no name for a file", "name the file alone, without its folder")
	}
	dir, err := os.MkdirTemp(s.Folder, "handed-in-")
	if err != nil {
		return &bridge.Error{Op: "take in", Object: in.Name, Err: err, Hint: "look at the room and the rights of the state folder"}
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, in.Name)
	sum, err := keep(path, in.body, int64(f.MaxSize))
	if err != nil {
		return err
	}
	return do(path, sum)
}

// keep writes a file of at most so many bytes, and tells its sha256.
func keep(path string, body io.Reader, most int64) (sum string, err error) {
	name := filepath.Base(path)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", &bridge.Error{Op: "take in", Object: name, Err: err, Hint: "give it another name"}
	}
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(file, hash), io.LimitReader(body, most+1))
	if err := errors.Join(err, file.Close()); err != nil {
		return "", &bridge.Error{Op: "take in", Object: name, Err: err, Hint: "send it again"}
	}
	if n > most {
		return "", problem(http.StatusRequestEntityTooLarge, "the file is larger than its feed reads", "see max_size")
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
