package operate

import "context"

// Preview is the file that an order would go out in, as outbound.Preview tells it.
type Preview struct {
	Order   string   `json:"order"`
	Export  string   `json:"export"`
	File    string   `json:"file"`
	Flags   []string `json:"flags"`
	Content string   `json:"content"`
	Doubt   string   `json:"doubt"` // what of its sums does not add up
}

// PreviewOrder renders an order of the shop through an export; nothing is written or numbered.
func (k *Desk) PreviewOrder(ctx context.Context, order, export string) (*Preview, error) {
	x, err := k.ExportOf(export)
	if err != nil {
		return nil, err
	}
	p, err := outOf(k, export).Preview(ctx, x, order)
	if err != nil {
		return nil, err
	}
	return &Preview{Order: p.Order, Export: x.Name, File: p.Name, Flags: append([]string{}, p.Flags...),
		Content: string(p.Body), Doubt: p.Doubt}, nil
}
