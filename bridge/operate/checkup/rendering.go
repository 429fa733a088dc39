package checkup

import (
	"context"
	"fmt"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/outbound"
	"github.com/orobridge/orobridge/formats"
)

// checkRendering renders the shop's newest order through an export, and looks for the ERP's unit of each of the shop's.
func checkRendering(ctx context.Context, shop Shop, x *config.Export) []bridge.Finding {
	p := probe{subject: "export " + x.Name}
	got, err := outbound.PreviewNewest(ctx, shop, x)
	switch {
	case err == nil && got == nil:
		p.try("render the shop's newest order", "it has none yet", nil)
	case err != nil:
		p.try("render the shop's newest order", "", err)
		if last := &p.findings[0]; last.Hint == "" {
			last.Hint = "mend the order or exports." + x.Name + ".format: such an order is stuck"
		}
	default:
		detail := fmt.Sprintf("order %s is %s, %d bytes", got.Order, got.Name, len(got.Body))
		if got.Bare > 0 {
			detail += fmt.Sprintf("; %d newer ones have no lines: such orders are stuck", got.Bare)
		}
		if got.Doubt != "" {
			detail += "; its sums do not add up: " + got.Doubt
		}
		p.try("render the shop's newest order", detail, nil)
	}
	lister, ok := x.Format.(formats.UnitLister)
	if !ok {
		return p.findings
	}
	const what = "find the ERP's unit of each of the shop's"
	units, err := shop.Units(ctx)
	if err != nil {
		p.try(what, "", err)
	} else if none := lister.Unmapped(units); len(none) > 0 {
		p.findings = append(p.findings, bridge.Finding{Subject: p.subject, What: what, Detail: "none for " + strings.Join(none, ", "),
			Hint: "add them to exports." + x.Name + ".format.units: an order with another unit is stuck"})
	} else {
		p.try(what, fmt.Sprintf("all %d", len(units)), nil)
	}
	return p.findings
}
