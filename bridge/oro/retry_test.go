package oro

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	broken := errors.New("connection reset")
	tests := []struct {
		name string
		try  try
		want verdict
		wait time.Duration
	}{
		{"an answer", try{number: 1, status: 200}, settled, 0},
		{"a refusal", try{number: 1, status: 400, effect: adds}, settled, 0},
		{"a login refused", try{number: 1, status: 401}, settled, 0},
		{"a read meets 500", try{number: 1, status: 500}, again, 100 * time.Millisecond},
		{"a read meets 500 again", try{number: 2, status: 502}, again, 200 * time.Millisecond},
		{"a read meets 500 too often", try{number: maxTries, status: 503}, giveUp, 0},
		{"a setting meets 500", try{number: 1, status: 500, effect: sets}, again, 100 * time.Millisecond},
		{"a create meets 500", try{number: 1, status: 500, effect: adds, taken: true}, uncertain, 0},
		{"a create meets 504", try{number: 1, status: 504, effect: adds}, uncertain, 0},
		{"a create meets 429", try{number: 1, status: 429, effect: adds, taken: true}, again, 100 * time.Millisecond},
		{"a create is asked to wait", try{number: 1, status: 429, effect: adds, after: 3 * time.Second}, again, 3 * time.Second},
		{"asked to wait long", try{number: 1, status: 429, after: time.Minute}, giveUp, 0},
		{"a create was cut after it was written", try{number: 1, err: broken, effect: adds, taken: true}, uncertain, 0},
		{"a create found no connection", try{number: 1, err: broken, effect: adds}, again, 100 * time.Millisecond},
		{"a create found none, often", try{number: maxTries, err: broken, effect: adds}, giveUp, 0},
		{"a read was cut", try{number: 1, err: broken, taken: true}, again, 100 * time.Millisecond},
		{"a setting timed out", try{number: 1, err: context.DeadlineExceeded, effect: sets, taken: true}, again, 100 * time.Millisecond},
		{"a create timed out", try{number: 1, err: context.DeadlineExceeded, effect: adds, taken: true}, uncertain, 0},
		{"the caller left a read", try{number: 1, err: context.Canceled, taken: true}, giveUp, 0},
		{"the caller left a create", try{number: 1, err: context.Canceled, effect: adds, taken: true}, uncertain, 0},
		{"the caller left before a create", try{number: 1, err: context.Canceled, effect: adds}, giveUp, 0},
		{"an answer without end", try{number: 1, err: errTooLarge, taken: true}, giveUp, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, wait := judge(tt.try, 0)
			if got != tt.want || wait != tt.wait {
				t.Errorf("judge = %v after %v, want %v after %v", got, wait, tt.want, tt.wait)
			}
		})
	}
}

func TestJudgeWaitsLongerUpToACap(t *testing.T) {
	for number := 1; number < maxTries; number++ {
		for _, chance := range []float64{0, 0.5, 0.999} {
			_, wait := judge(try{number: number, status: 500}, chance)
			if wait <= 0 || wait > maxWait || wait > firstWait<<(number-1) {
				t.Errorf("try %d waits %v", number, wait)
			}
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"":                              0,
		"7":                             7 * time.Second,
		"-7":                            0,
		"soon":                          0,
		"999999999":                     24 * time.Hour,
		"Fri, 20 Nov 2026 12:00:30 GMT": 30 * time.Second,
		"Fri, 20 Nov 2026 11:00:30 GMT": 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {text}}, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"13.2500": "13.25", "5.0000": "5", "0.0000": "0", "-0.00": "0", "007": "7", "1.5": "1.5", "-5": "-5",
		"100": "100", "1e3": "1000", "1.0E+2": "100", "2.5e-3": "0.0025", "1e999999": "1e999999", "": "", "many": "many", ".5": ".5",
	} {
		if got := plain(text); got != want {
			t.Errorf("plain(%q) = %q, want %q", text, got, want)
		}
	}
}
