package api

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/admit"
	"github.com/orobridge/orobridge/bridge/operate"
)

// Path is where the API begins.
const Path = "/api/v1"

// maxBody bounds the body of a request that is no file, bytes.
const maxBody = 1 << 20

// A Ledger keeps the answers to decisions that carried a key of their sender's.
type Ledger interface {
	// Promise enters a key before its decision is carried out. One that is there already is returned, as it was entered or
	// answered; nil: it was not.
	Promise(ctx context.Context, p bridge.Promise) (*bridge.Promise, error)
	// Fulfil keeps the answer to a decision; one with status 0 is forgotten, since nothing was decided.
	Fulfil(ctx context.Context, p bridge.Promise) error
}

// Options are what the API stands on.
type Options struct {
	Desk    *operate.Desk // it says that a bridge is running: the one in this process
	Ledger  Ledger
	Version string // of the program
	Folder  string // for files that arrive, until they are drops
	Clock   bridge.Clock
	Log     *slog.Logger
}

// server answers requests.
type server struct {
	Options
	streams chan struct{} // one for each follower
}

// New makes the handler of everything below [Path]. The gate lets everybody through to it who is a viewer at least; what needs a higher
// role is refused here.
func New(o Options) http.Handler {
	mux := http.NewServeMux()
	s := &server{Options: o, streams: make(chan struct{}, maxStreams)}
	a := humago.New(mux, s.config())
	s.looks(a)
	s.streamed(a)
	s.decisions(a)
	s.files(a)
	complete(a.OpenAPI())
	return strays(mux)
}

// strays answers with a problem what the API does not have.
func strays(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(&stray{ResponseWriter: w}, r)
	})
}

// stray has the mux's own refusals, which are text, told as problems.
type stray struct{ http.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *stray) WriteHeader(status int) {
	Refuse(w.ResponseWriter, status, "the API has no such operation: "+http.StatusText(status), "see "+Path+"/openapi.json")
}

// Write implements http.ResponseWriter.
func (w *stray) Write(text []byte) (int, error) { return len(text), nil }

// config is the API's description, before its operations.
func (s *server) config() huma.Config {
	plain := huma.Format{
		Marshal: func(w io.Writer, v any) error {
			e := json.NewEncoder(w)
			e.SetEscapeHTML(false)
			return e.Encode(v)
		},
		Unmarshal: json.Unmarshal,
	}
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{Title: "orobridge", Version: s.Version,
				Description: "What the bridge shows and what may be decided there. Fields may be added to answers; none changes or goes."},
			Components: &huma.Components{
				Schemas:         huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer", Description: "orobridge token create"}},
			},
			Security: []map[string][]string{{"token": {}}},
		},
		OpenAPIPath:   Path + "/openapi",
		Formats:       map[string]huma.Format{"application/json": plain, "json": plain},
		DefaultFormat: "application/json",
	}
}

// only is what a caller asks who wants to know of some shops only, of those that it may see.
func (s *server) only(ctx context.Context, shops []string) (context.Context, error) {
	if _, err := s.desk(ctx).Only(shops...); err != nil {
		return ctx, err
	}
	caller := *admit.CallerOf(ctx)
	caller.Shops = shops
	return admit.WithCaller(ctx, &caller), nil
}

// operation describes what a caller of a role may ask: about all shops that it may see, or about those that it names.
func (s *server) operation(method, path, id, summary string, role admit.Role) huma.Operation {
	op := huma.Operation{OperationID: id, Method: method, Path: Path + path, Summary: summary, MaxBodyBytes: maxBody,
		Description: "Role: " + role.String() + ".", Errors: []int{400, 401, 403, 404, 409, 413, 422, 500, 503},
		Middlewares: huma.Middlewares{func(c huma.Context, next func(huma.Context)) {
			if !admit.CallerOf(c.Context()).May(role) {
				refuse(c, problem(http.StatusForbidden, "this needs the role "+role.String(), ""))
				return
			}
			u := c.URL()
			for name := range u.Query() {
				if !slices.ContainsFunc(c.Operation().Parameters, func(p *huma.Param) bool { return p.In == "query" && p.Name == name }) {
					refuse(c, problem(http.StatusUnprocessableEntity, "there is no query parameter "+strconv.Quote(name), "see openapi.json"))
					return
				}
			}
			if c.Query("shop") == "" {
				next(c)
				return
			}
			of, err := s.only(c.Context(), strings.Split(c.Query("shop"), ","))
			if err != nil {
				refuse(c, s.problemOf(err).(*Problem))
				return
			}
			next(huma.WithContext(c, of))
		}},
		Parameters: []*huma.Param{{Name: "shop", In: "query", Schema: &huma.Schema{Type: "string"},
			Description: "only of this shop, or of these, with commas between them; where there are several"}}}
	if method == http.MethodGet {
		op.Errors = []int{400, 401, 403, 404, 422, 500, 503}
	}
	return op
}
