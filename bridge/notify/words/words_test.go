package words

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

func TestEachAlarmIsSaidInBothLanguages(t *testing.T) {
	for _, a := range bridge.Alarms() {
		for what, text := range map[string]string{"title": titles[a], "meaning": meanings[a], "hint": a.Hint()} {
			if text == "" {
				t.Errorf("%s has no %s", a, what)
			} else if german[text] == "" {
				t.Errorf("%s has no German %s", a, what)
			}
		}
	}
	for kind, text := range headings {
		if german[text] == "" {
			t.Errorf("%s has no German heading", kind)
		}
	}
}

func TestTranslationsTakeTheSameArguments(t *testing.T) {
	verbs := regexp.MustCompile(`%[a-z]`)
	for english, german := range german {
		if e, g := verbs.FindAllString(english, -1), verbs.FindAllString(german, -1); !slices.Equal(e, g) {
			t.Errorf("%q takes %v, %q takes %v", english, e, german, g)
		}
	}
}

// TestNoTextIsLeftInEnglish: whatever a German letter says that does not come from the ledger is German.
func TestNoTextIsLeftInEnglish(t *testing.T) {
	begun := time.Date(2026, 11, 21, 6, 40, 0, 0, time.UTC)
	a := &bridge.LiveAlarm{ID: 3, Alarm: bridge.AlarmRejected, Of: "feed prices, feed stock", N: 2, Text: "X", Drop: 7, Begun: begun, Gone: begun,
		Acknowledged: begun, Decision: bridge.Decision{Who: "olga", Why: "Y"}}
	de, en := NewVoice("de", time.UTC, ""), NewVoice("en", time.UTC, "")
	day := Day{From: begun, To: begun, Standing: []*bridge.LiveAlarm{a}, Over: []*bridge.LiveAlarm{a},
		Drops: map[string]map[bridge.DropState]int64{"prices": {bridge.Loaded: 1, bridge.Partial: 1}}}
	for _, x := range [][2]bridge.Letter{
		{de.Letter(bridge.MessageBegun, a, begun), en.Letter(bridge.MessageBegun, a, begun)},
		{de.Letter(bridge.MessageReminder, a, begun), en.Letter(bridge.MessageReminder, a, begun)},
		{de.Letter(bridge.MessageEscalated, a, begun), en.Letter(bridge.MessageEscalated, a, begun)},
		{de.Letter(bridge.MessageOver, a, begun), en.Letter(bridge.MessageOver, a, begun)},
		{de.Digest(day), en.Digest(day)}, {de.Digest(Day{}), en.Digest(Day{})}, {de.Test("ops", "olga"), en.Test("ops", "olga")},
	} {
		g, e := strings.Split(x[0].Subject+"\n"+x[0].Text, "\n"), strings.Split(x[1].Subject+"\n"+x[1].Text, "\n")
		if len(g) != len(e) {
			t.Errorf("%d lines are German, %d English:\n%s\n%s", len(g), len(e), x[0].Text, x[1].Text)
			continue
		}
		for i := range g {
			if g[i] == e[i] && g[i] != "" && g[i] != "X" {
				t.Errorf("%s: %q is the same in both", x[0].Message, g[i])
			}
		}
	}
}

func TestASubjectIsOneLine(t *testing.T) {
	a := &bridge.LiveAlarm{Alarm: bridge.AlarmRejected, Of: "feed a\r\nBcc: all@example.com" + strings.Repeat("x", 1000), N: 1}
	s := NewVoice("en", time.UTC, "").Letter(bridge.MessageBegun, a, time.Time{}).Subject
	if strings.ContainsAny(s, "\r\n") || len(s) > 400 {
		t.Errorf("%q", s)
	}
}
