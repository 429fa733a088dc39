package page

import (
	"math"
	"time"

	"github.com/orobridge/orobridge/bridge/operate"
)

const (
	figureDays = 30
	figuresAge = time.Minute // a look at them may be so old
)

// figures are charts of the last days, each with its table.
type figures struct{ Charts []*chart }

// chart is drawn in a box of its own measures: bars of one or two parts for each day.
type chart struct {
	Title, Unit string // messages
	First       string // message: what the bar says
	Second      string // message: what its second part says; empty for none
	Stacked     bool   // the second part stands on the first, else beside it
	Bars        []bar
	Ticks       []tick
	Empty       bool
	Seconds     bool // values are durations
	max         float64
}

// The measures of a chart.
const (
	chartWidth, chartHeight = 720.0, 180.0
	chartLeft, chartBottom  = 56.0, 22.0
	chartTop                = 8.0
)

// bar is a day.
type bar struct {
	Day            *time.Time
	First, Second  float64
	X, W           float64
	Y1, H1, Y2, H2 float64
	Label          bool // the day stands below it
	Last           bool
}

type tick struct{ Y, Value float64 }

// Width and Height are those of the drawing; Left and Bottom bound what is drawn in it.
func (*chart) Width() float64  { return chartWidth }
func (*chart) Height() float64 { return chartHeight }
func (*chart) Left() float64   { return chartLeft }
func (*chart) Bottom() float64 { return chartHeight - chartBottom }

func (s *Server) showFigures(c *call) (view, error) {
	ctx := c.r.Context()
	make := func() ([]operate.Day, error) {
		return operate.Figures{View: &c.desk.View}.Days(ctx, c.desk.In.Clock.Now(), figureDays)
	}
	var days []operate.Day
	var err error
	if c.desk.Narrow() {
		days, err = make()
	} else {
		days, err = s.days.get(ctx, moment{}, figuresAge, make)
	}
	if err != nil {
		return view{}, err
	}
	of := func(x *chart, first, second func(*operate.Day) float64) *chart {
		for i := range days {
			b := bar{Day: days[i].Day, First: first(&days[i])}
			if second != nil {
				b.Second = second(&days[i])
			}
			x.Bars = append(x.Bars, b)
		}
		x.draw()
		return x
	}
	took := func(x *chart, of func(*operate.Day) operate.Spread) *chart {
		x.Unit, x.First, x.Second, x.Seconds = "how long", "median", "19 of 20 at most", true
		for i := range days {
			x.Bars = append(x.Bars, bar{Day: days[i].Day, First: of(&days[i]).Median, Second: of(&days[i]).P95})
		}
		x.draw()
		return x
	}
	v := &figures{Charts: []*chart{
		of(&chart{Title: "Rows and rejects", Unit: "rows", First: "rows", Second: "rejected", Stacked: true},
			func(d *operate.Day) float64 { return float64(d.Rows - d.Rejected) }, func(d *operate.Day) float64 { return float64(d.Rejected) }),
		took(&chart{Title: "From the file to the shop"}, func(d *operate.Day) operate.Spread { return d.Arrivals }),
		took(&chart{Title: "From the order to its file"}, func(d *operate.Day) operate.Spread { return d.Orders }),
		took(&chart{Title: "From the file to its pickup"}, func(d *operate.Day) operate.Spread { return d.Pickups }),
		of(&chart{Title: "Pace of the shop", Unit: "rows a second", First: "rows a second"},
			func(d *operate.Day) float64 { return d.PerSecond }, nil),
	}}
	return view{Title: c.T("Figures"), Body: v}, nil
}

// draw works out where everything stands.
func (x *chart) draw() {
	for _, b := range x.Bars {
		x.max = max(x.max, b.First, b.Second)
		if x.Stacked {
			x.max = max(x.max, b.First+b.Second)
		}
	}
	if x.Empty = x.max == 0; x.Empty {
		return
	}
	step := roundStep(x.max / 3)
	if x.Seconds {
		step = clockStep(x.max / 3)
	}
	x.max = math.Ceil(x.max/step) * step
	high := chartHeight - chartBottom - chartTop
	y := func(value float64) float64 { return chartTop + high*(1-value/x.max) }
	for value := 0.0; value <= x.max+step/2; value += step {
		x.Ticks = append(x.Ticks, tick{y(value), value})
	}
	each := (chartWidth - chartLeft) / float64(len(x.Bars))
	for i := range x.Bars {
		b := &x.Bars[i]
		b.Last = i == len(x.Bars)-1
		b.X, b.W, b.Label = chartLeft+float64(i)*each+each*.14, each*.72, (len(x.Bars)-1-i)%7 == 0
		b.Y1, b.H1 = y(b.First), y(0)-y(b.First)
		switch {
		case x.Stacked:
			b.Y2, b.H2 = y(b.First+b.Second), y(b.First)-y(b.First+b.Second)
			if b.Second > 0 && b.H2 < 2 { // what is there is seen
				b.Y2, b.H2 = b.Y2-2, 2
			}
		case b.Second > b.First:
			b.Y2, b.H2 = y(b.Second), y(b.First)-y(b.Second)
		}
	}
}

// roundStep is the next of 1, 2 and 5 times a power of ten.
func roundStep(least float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, n := range []float64{1, 2, 5, 10} {
		if n*power >= least*0.999 {
			return n * power
		}
	}
	return 10 * power
}

// clockStep is the next step at which a clock is read, in seconds.
func clockStep(least float64) float64 {
	for _, s := range []float64{15, 30, 60, 120, 300, 600, 900, 1800, 3600, 2 * 3600, 3 * 3600, 6 * 3600, 12 * 3600, 24 * 3600} {
		if least > 10 && s >= least*0.999 {
			return s
		}
	}
	if least > 10 {
		return roundStep(least/86400) * 86400
	}
	return roundStep(least)
}
