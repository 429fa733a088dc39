package formats

// Mapping turns a sender's rows into an entity's records: which column is which field, value lists, constants and
// defaults. It is the part of a feed's config that does not depend on the format.
type Mapping struct {
	// Columns maps a source column to a canonical field (MATNR: sku), or a canonical field to an expression over the
	// source columns (value: 'amount(KBETR) / amount(KPEIN)'). Columns that are not named keep their own names; when
	// Columns is empty every column must be canonical or is ignored.
	Columns map[string]string `yaml:"columns"`
	// Values maps, per canonical field, the sender's value to the shop's (unit: {ST: item}). With a list, a value that
	// is not in it rejects the row.
	Values map[string]map[string]string `yaml:"values"`
	// Constants set a field in every row.
	Constants map[string]string `yaml:"constants"`
	// Defaults set a field whose column is missing or whose cell is empty.
	Defaults map[string]string `yaml:"defaults"`
}

// Conventions are a format's ways to write numbers and dates; formats embed them in their options.
type Conventions struct {
	// Decimal is the decimal sign of amounts, "." by default; the other of "." and "," may group digits.
	Decimal string `yaml:"decimal"`
	// Date is the form of dates: "2006-01-02" by default, in Go's notation or as YYYYMMDD, DD.MM.YYYY.
	Date string `yaml:"date"`
}
