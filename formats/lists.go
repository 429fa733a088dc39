package formats

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Lists are value lists by name, for lookup(list, value) in expressions.
type Lists map[string]map[string]string

// ReadLists reads value lists from their files: UTF-8, two columns set apart by a comma, value and result. The errors, all of
// them at once, stand under the key lists.
func ReadLists(files map[string]string, open func(name string) (io.ReadCloser, error)) (Lists, error) {
	lists := make(Lists, len(files))
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(files)) {
		list, err := readList(files[name], open)
		if err != nil {
			problems = append(problems, AtKey("lists", AtKey(name, err)))
		}
		lists[name] = list
	}
	return lists, errors.Join(problems...)
}

// maxListSize bounds the file of a value list.
const maxListSize = 64 << 20

func readList(path string, open func(name string) (io.ReadCloser, error)) (map[string]string, error) {
	if open == nil {
		return nil, fmt.Errorf("read %s: value lists can't be opened here", path)
	}
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	limited := &io.LimitedReader{R: f, N: maxListSize + 1}
	r := csv.NewReader(limited)
	r.FieldsPerRecord = 2
	list := map[string]string{}
	for {
		cells, err := r.Read()
		if limited.N <= 0 {
			return nil, fmt.Errorf("read %s: larger than %d MB", path, maxListSize>>20)
		}
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		value, result := strings.TrimSpace(strings.TrimPrefix(cells[0], "\ufeff")), strings.TrimSpace(cells[1])
		if was, ok := list[value]; ok && was != result {
			line, _ := r.FieldPos(0)
			return nil, fmt.Errorf("read %s: line %d: %s stands twice, for %s and %s", path, line, quote(value), quote(was), quote(result))
		}
		list[value] = result
	}
}
