package formats

// An OptionError says what is wrong with one option of a config, so that a reader of the config finds its line without
// reading texts. Errors of inner options nest: columns, then MATNR.
type OptionError struct {
	Key  string // as the config has it, below what was checked: "delimiter"; empty for the options together
	Err  error  // what is wrong; may be joined errors, and hold further OptionErrors
	Hint string // what to do about it; may be empty
}

// AtKey says that err is the option's; nil stays nil.
func AtKey(key string, err error) error {
	if err == nil {
		return nil
	}
	return &OptionError{Key: key, Err: err}
}

func (e *OptionError) Error() string {
	if e.Key == "" {
		return e.Err.Error()
	}
	return e.Key + ": " + e.Err.Error()
}

func (e *OptionError) Unwrap() error { return e.Err }
