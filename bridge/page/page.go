package page

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/admit"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/bridge/operate/checkup"
)

const (
	pageRows   = 50
	maxForm    = 64 << 10 // bytes
	maxAddress = 4 << 10  // bytes of path and query: pages are kept by them
	maxReason  = 1000     // bytes of why somebody decides
	maxAtOnce  = 8        // pages that are made at the same time: the ledger has a bridge to serve
	renderTime = 30 * time.Second
)

// Options are what a page needs.
type Options struct {
	// Desk is copied for each request; its By is set then. Its In has the clock and the events.
	Desk *operate.Desk
	// Config is what the bridge works by; its secrets are not shown.
	Config *config.Config
	Topics []Topic
	// Pictures are what topics show, as they name it; nil: none.
	Pictures fs.FS
	// Check tries both ends, as `orobridge check` does; nil: the page has no such button.
	Check   func(context.Context) (checkup.Findings, error)
	Version string
	Log     *slog.Logger
}

// Topic is a document of the help.
type Topic struct{ Name, Title, Text string } // Text is Markdown

// Server makes the pages. It may be used by several goroutines; [Server.Close] ends it.
type Server struct {
	Options
	news   *news
	plans  *plans
	drafts *drafts
	today  memo[*today]
	days   memo[[]operate.Day]
	alike  memos[*made]
	making chan struct{}
	end    context.CancelFunc
	stop   sync.WaitGroup
}

// New makes a page. It observes what happens until it is closed.
func New(o Options) *Server {
	ctx, end := context.WithCancel(context.Background())
	s := &Server{Options: o, making: make(chan struct{}, maxAtOnce), end: end}
	s.news = newNews(ctx, &s.stop, o.Desk.In.Events)
	s.plans = &plans{ctx: ctx, stop: &s.stop, slots: make(chan struct{}, 2), jobs: map[string]*job{}, now: o.Desk.In.Clock.Now}
	s.drafts = &drafts{folder: o.Desk.In.Spool, all: map[string]*draft{}, now: o.Desk.In.Clock.Now}
	return s
}

// Leave sends watchers away: no more news come to them.
func (s *Server) Leave() { s.news.close() }

// Close ends what is under way: watchers, plans, files that nobody has handed in.
func (s *Server) Close() error {
	s.end()
	s.Leave()
	s.stop.Wait()
	return s.drafts.close()
}

//go:embed static
var static embed.FS

// StaticPath is where the page's own files are, which everybody may have: the log-in needs them, too.
const StaticPath = "/static/"

// Static serves the page's own files.
func Static() http.Handler {
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // they are in the program
	}
	served := http.StripPrefix(StaticPath, http.FileServerFS(files))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=3600")
		served.ServeHTTP(w, r)
	})
}

// Handler serves all pages but the log-in, and [Static], to callers that bridge/admit has let in. Requests that another site makes, and
// names by which nobody may come, have been kept away by bridge/web, which also sets the content security policy.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		mux.Handle(r.pattern, s.allowed(r.role, r.answer))
	}
	mux.Handle("/", s.allowed(admit.Viewer, s.limited(func(*call) error { return errNoPage })))
	mux.Handle("GET "+StaticPath, Static())
	return mux
}

// route is a pattern of requests, as a ServeMux has it, with who may send them.
type route struct {
	pattern string
	role    admit.Role
	answer  http.Handler
}

// routes are all of the page's own.
func (s *Server) routes() (all []route) {
	get := func(role admit.Role, path string, answer http.Handler) {
		all = append(all, route{"GET " + path, role, answer})
	}
	look := func(path string, h func(*call) error) { get(admit.Viewer, path, s.limited(h)) }
	alike := func(path, name string, h func(*call) (view, error)) { look(path, s.sharing(name, h)) }
	decision := func(role admit.Role, path string, ask, do func(*call) error) {
		get(role, path, s.limited(ask))
		all = append(all, route{"POST " + path, role, s.limited(do)})
	}
	work := func(path string, ask, do func(*call) error) { decision(admit.Operator, path, ask, do) }
	drops, orders, works, decide := dropPages{s}, orderPages{s}, workPages{s}, deciding{s}
	rejects, files := rejectPages{decide}, handingIn{decide}
	alarms := alarmPages{decide}
	alike("/{$}", "today", s.showToday)
	alike("/drops", "drops", drops.showDrops)
	look("/drops/{id}", drops.showDrop)
	look("/drops/{id}/rejects.csv", drops.dropRejects)
	work("/drops/{id}/{what}", decide.askDrop, decide.decideDrop)
	alike("/alarms", "alarms", alarms.showAlarms)
	work("/alarms/{id}/ack", alarms.askAck, alarms.ack)
	look("/rejects", rejects.showRejects)
	look("/rejects.csv", rejects.allRejects)
	work("/rejects/ack", rejects.askAck, rejects.ack)
	alike("/orders", "orders", orders.showOrders)
	look("/orders/{id}", orders.showOrder)
	get(admit.Operator, "/orders/{id}/file", s.limited(orders.orderFile))
	work("/orders/{id}/{what}", decide.askOrder, decide.decideOrder)
	look("/search", searching{s}.search)
	alike("/feeds", "feeds", works.showFeeds)
	look("/feeds/{name}", works.feedOf)
	work("/feeds/{name}/upload", files.askUpload, files.upload)
	work("/feeds/{name}/{what}", decide.askWork, decide.decideWork)
	alike("/exports", "exports", works.showExports)
	alike("/exports/{name}", "export", works.showExport)
	work("/exports/{name}/{what}", decide.askWork, decide.decideWork)
	decision(admit.Admin, "/shop/{what}", decide.askWork, decide.decideWork)
	decision(admit.Admin, "/shops/{name}/{what}", decide.askWork, decide.decideWork)
	work("/check", decide.askCheck, decide.check)
	alike("/figures", "figures", s.showFigures)
	look("/help", s.showHelp)
	look("/help/{topic}", s.showTopic)
	if s.Pictures != nil {
		get(admit.Viewer, "/help/pictures/{name}", http.StripPrefix("/help", http.FileServerFS(s.Pictures)))
	}
	look("/language", s.chooseLanguage)
	get(admit.Viewer, "/events", http.HandlerFunc(s.watch))
	return all
}

var errNoPage = &bridge.Error{Op: "find", Object: "the page", Err: bridge.ErrUnknown, Hint: "go back to today's page"}

// errRole is what somebody may not do or see.
var errRole = errors.New("your role does not allow this")

// call is a request, and who sent it.
type call struct {
	*words
	w    http.ResponseWriter
	r    *http.Request
	who  *admit.Caller
	desk *operate.Desk
}

// allowed lets those through who have a role and may see the shop.
func (s *Server) allowed(role admit.Role, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := admit.CallerOf(r.Context())
		if who.May(role) && s.sees(who) {
			next.ServeHTTP(w, r)
			return
		}
		if who == nil {
			http.Error(w, "log in", http.StatusUnauthorized)
			return
		}
		c := s.newCall(w, r, who)
		s.fail(c, errRole)
	})
}

// sees says that a caller may see some shop.
func (s *Server) sees(who *admit.Caller) bool {
	view := s.Desk.SeenBy(who.Shops)
	return view.Sees()
}

func (s *Server) newCall(w http.ResponseWriter, r *http.Request, who *admit.Caller) *call {
	desk := *s.Desk
	desk.View = desk.SeenBy(who.Shops)
	desk.By, desk.Wait, desk.Clock = who.Decision(""), false, desk.In.Clock
	return &call{words: wordsFor(r), w: w, r: r, who: who, desk: &desk}
}

// limited answers so many at a time.
func (s *Server) limited(h func(*call) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.URL.RequestURI()) > maxAddress {
			http.Error(w, "the address is too long", http.StatusRequestURITooLong)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), renderTime)
		defer cancel()
		select {
		case s.making <- struct{}{}:
			defer func() { <-s.making }()
		case <-ctx.Done():
			http.Error(w, "too much is asked at once", http.StatusServiceUnavailable)
			return
		}
		r = r.WithContext(ctx)
		if r.Method == http.MethodPost && !strings.HasSuffix(r.URL.Path, "/upload") {
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		}
		w.Header().Set("Cache-Control", "no-store")
		c := s.newCall(w, r, admit.CallerOf(r.Context()))
		if err := h(c); err != nil {
			s.fail(c, err)
		}
	})
}

// fail tells what is wrong, and what to do.
func (s *Server) fail(c *call, err error) {
	status, hint := http.StatusInternalServerError, bridge.HintOf(err)
	var mistake *operate.Mistake
	var known *bridge.Error
	switch {
	case errors.Is(err, errRole):
		status = http.StatusForbidden
	case errors.Is(err, context.DeadlineExceeded):
		status, hint = http.StatusServiceUnavailable, "ask for less, or try again later"
	case errors.As(err, &mistake):
		status, hint = http.StatusBadRequest, mistake.Hint
	case errors.Is(err, bridge.ErrUnknown):
		status = http.StatusNotFound
		if hint == "" {
			hint = "the link may be wrong, or its time is over: look for the name in the search"
		}
	case errors.As(err, &known):
		status = http.StatusConflict
	case c.r.Context().Err() == nil:
		s.Log.Error("make a page", "path", c.r.URL.Path, "error", err)
	}
	s.show(c, status, "trouble", view{Title: c.T(http.StatusText(status)), Body: trouble{Status: status, Text: err.Error(), Hint: hint}})
}

type trouble struct {
	Status     int
	Text, Hint string
}
