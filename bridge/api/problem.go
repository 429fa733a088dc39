package api

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/formats"
)

// A Problem is an error as RFC 9457 has it.
type Problem struct {
	Title  string   `json:"title"`
	Status int      `json:"status"`
	Detail string   `json:"detail"`
	Hint   string   `json:"hint" doc:"what to do about it; empty when there is nothing"`
	Errors []string `json:"errors,omitempty" doc:"of a request that does not fit the description: what does not"`
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

func problem(status int, detail, hint string) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Detail: formats.Printable(detail), Hint: formats.Printable(hint)}
}

// init has huma describe and write errors as ours: it knows no other way than this variable of its own.
func init() {
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		p := problem(status, message, "")
		for _, err := range errs {
			p.Errors = append(p.Errors, formats.Printable(err.Error()))
		}
		return p
	}
}

// problemOf is an error of a model or decision for the one who asked; nil for none.
func (s *server) problemOf(err error) error {
	var mistake *operate.Mistake
	var own *Problem
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own):
		return own
	case errors.As(err, &mistake):
		return problem(http.StatusBadRequest, mistake.Message, mistake.Hint)
	case errors.Is(err, bridge.ErrUnknown):
		return problem(http.StatusNotFound, err.Error(), bridge.HintOf(err))
	case errors.Is(err, bridge.ErrMoved):
		return problem(http.StatusConflict, err.Error(), bridge.HintOf(err))
	case errors.Is(err, bridge.ErrUnreachable):
		return problem(http.StatusServiceUnavailable, err.Error(), bridge.HintOf(err))
	case bridge.HintOf(err) != "":
		return problem(http.StatusConflict, err.Error(), bridge.HintOf(err))
	}
	s.Log.Error("answer a request", "error", err)
	return problem(http.StatusInternalServerError, "the bridge could not answer", "its log says why")
}

// Refuse is an [admit.Refusal] of callers of the API.
func Refuse(w http.ResponseWriter, status int, why, hint string) {
	w.Header().Set("Content-Type", (*Problem)(nil).ContentType(""))
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(problem(status, why, hint)) // whoever asked is gone
}

// refuse answers with a problem before a handler runs.
func refuse(c huma.Context, p *Problem) {
	c.SetHeader("Content-Type", p.ContentType(""))
	c.SetStatus(p.Status)                         // what is set behind it is not sent
	_ = json.NewEncoder(c.BodyWriter()).Encode(p) // whoever asked is gone
}
