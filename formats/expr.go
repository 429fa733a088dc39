package formats

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// Mapping expressions are written in the language of expr-lang/expr, with functions of their own in place of its: see
// [Functions]. Variables are the sender's columns, all of them text; col("Price (EUR)") reads one whose name is no word.
// An expression gives a text, an amount, a whole number, or a condition ("1" or "0").

// exprEnv is what the expressions of one mapper see.
type exprEnv struct {
	conventions Conventions
	lists       map[string]map[string]string
	cells       map[string]any // the current row, as far as expressions use it
	vm          vm.VM
}

// expression is one compiled expression.
type expression struct {
	source  string
	program *vm.Program
	columns []string // that it reads, in order of appearance
}

// exprFault is an error of a function, in words for the person who mends the file.
type exprFault struct {
	code, message string
}

func (f *exprFault) Error() string { return f.message }

var (
	amountType = reflect.TypeFor[Amount]()
	stringType = reflect.TypeFor[string]()
	boolType   = reflect.TypeFor[bool]()
	intType    = reflect.TypeFor[int]()
)

// compile checks an expression: its columns are text, its functions are known, its result can be written.
func compile(source string, env *exprEnv) (*expression, error) {
	options := exprOptions(env)
	config := conf.CreateNew()
	for _, o := range options {
		o(config)
	}
	for name := range config.Disabled {
		delete(config.Builtins, name)
	}
	tree, err := parser.ParseWithConfig(source, config)
	if err != nil {
		return nil, exprError(source, err)
	}
	v := &exprVisitor{env: env, callees: map[ast.Node]bool{}, locals: map[string]bool{}}
	ast.Walk(&tree.Node, exprCallees{v})
	ast.Walk(&tree.Node, v)
	if v.err != nil {
		return nil, fmt.Errorf("%s: %w", source, v.err)
	}
	variables := map[string]any{}
	for _, c := range v.columns {
		variables[c] = ""
	}
	program, err := expr.Compile(source, append(options, expr.Env(variables))...)
	if err != nil {
		return nil, exprError(source, err)
	}
	switch t := program.Node().Type(); t {
	case amountType, stringType, boolType, intType:
	default:
		return nil, fmt.Errorf("%s: gives %v; a field needs a text, an amount or a condition (both sides of ?: must be the same; "+
			"text(…) makes a text of an amount)", source, t)
	}
	return &expression{source: source, program: program, columns: v.columns}, nil
}

// exprError is the first line of a compiler's error: the lines below draw the place.
func exprError(source string, err error) error {
	var f *file.Error
	if errors.As(err, &f) {
		return fmt.Errorf("%s: at character %d: %s", source, f.Column+1, f.Message)
	}
	return fmt.Errorf("%s: %w", source, err)
}

// exprCallees notes which identifiers are the names of functions and of variables of the expression itself.
type exprCallees struct{ v *exprVisitor }

func (c exprCallees) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.CallNode:
		c.v.callees[n.Callee] = true
	case *ast.VariableDeclaratorNode:
		c.v.locals[n.Name] = true
	}
}

// exprVisitor collects the columns that an expression reads, and checks literal arguments.
type exprVisitor struct {
	env     *exprEnv
	callees map[ast.Node]bool
	locals  map[string]bool
	columns []string
	err     error
}

func (v *exprVisitor) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		switch {
		case n.Value == "$env":
			v.fail(errors.New("$env is not offered; use col(\"…\")"))
		case !v.callees[n] && !v.locals[n.Value]:
			v.read(n.Value)
		}
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok {
			v.call(callee.Value, n.Arguments)
		}
	}
}

func (v *exprVisitor) read(column string) {
	for _, c := range v.columns {
		if c == column {
			return
		}
	}
	v.columns = append(v.columns, column)
}

func (v *exprVisitor) call(name string, args []ast.Node) {
	literal := func(i int) (string, bool) {
		if i >= len(args) {
			return "", false
		}
		s, ok := args[i].(*ast.StringNode)
		if !ok {
			return "", false
		}
		return s.Value, true
	}
	if names := functionNames(); !slices.Contains(names, name) {
		v.fail(fmt.Errorf("there is no function %s%s", name, suggestion(name, names)))
		return
	}
	switch name {
	case "col":
		if column, ok := literal(0); ok {
			v.read(column)
		} else {
			v.fail(errors.New("col needs the column's name in quotes"))
		}
	case "lookup":
		list, ok := literal(0)
		if !ok {
			v.fail(errors.New("lookup needs the list's name in quotes"))
		} else if _, known := v.env.lists[list]; !known {
			v.fail(fmt.Errorf("lists has no %s", quote(list)))
		}
	case "date":
		if form, ok := literal(1); ok {
			v.fail(checkDateForm(form))
		}
	}
}

func (v *exprVisitor) fail(err error) {
	if v.err == nil {
		v.err = err
	}
}

// suggestion is what to add to a message about an unknown name.
func suggestion(name string, candidates []string) string {
	if hint := DidYouMean(name, candidates); hint != "" {
		return ": " + hint
	}
	return "; there are " + strings.Join(candidates, ", ")
}

// exactLiterals makes amounts of literals with decimals, so that no float comes into an expression.
type exactLiterals struct{}

func (exactLiterals) Visit(node *ast.Node) {
	if n, ok := (*node).(*ast.FloatNode); ok {
		if a, err := ParseAmount(strconv.FormatFloat(n.Value, 'f', -1, 64), Conventions{}); err == nil {
			c := &ast.ConstantNode{Value: a}
			ast.Patch(node, c)
			c.SetType(amountType)
		}
	}
}

// run computes the expression over the current row.
func (x *expression) run(env *exprEnv) (string, *Reject) {
	out, err := env.vm.Run(x.program, env.cells)
	if err != nil {
		return "", x.reject(env, err)
	}
	switch v := out.(type) {
	case string:
		return v, nil
	case Amount:
		return writeAmount(v, env.conventions), nil
	case bool:
		if v {
			return "1", nil
		}
		return "0", nil
	case int:
		return strconv.Itoa(v), nil
	}
	return "", fault(CodeExpr, "%s gives no text", x.source)
}

// writeAmount writes an amount so that the conventions read it back.
func writeAmount(a Amount, c Conventions) string {
	if c.decimalSign() == ',' {
		return strings.Replace(a.String(), ".", ",", 1)
	}
	return a.String()
}

func (x *expression) reject(env *exprEnv, err error) *Reject {
	code, message := CodeExpr, err.Error()
	var own *exprFault
	var f *file.Error
	switch {
	case errors.As(err, &own):
		code, message = own.code, own.message
	case errors.As(err, &f):
		message = f.Message
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", x.source, message)
	for i, c := range x.columns {
		sep := ", "
		if i == 0 {
			sep = "; "
		}
		fmt.Fprintf(&b, "%s%s is %s", sep, c, quote(env.cells[c].(string)))
	}
	return &Reject{Code: code, Message: b.String()}
}

func exprOptions(env *exprEnv) []expr.Option {
	options := []expr.Option{expr.DisableAllBuiltins(), expr.Patch(exactLiterals{})}
	options = append(options, textFunctions()...)
	options = append(options, amountFunctions(env)...)
	return append(options,
		expr.Function("col", func(p ...any) (any, error) { return env.cells[p[0].(string)], nil }, new(func(string) string)),
		expr.Function("date", env.date, new(func(string) string), new(func(string, string) string)),
		expr.Function("lookup", env.lookup, new(func(string, string) string), new(func(string, string, string) string)),
	)
}

func (env *exprEnv) date(p ...any) (any, error) {
	form := env.conventions.Date
	if len(p) > 1 {
		form = p[1].(string)
	}
	text := p[0].(string)
	date, err := parseDate(text, form)
	if err != nil {
		return nil, &exprFault{CodeDate, quote(text) + " " + err.Error()}
	}
	return date, nil
}

func (env *exprEnv) lookup(p ...any) (any, error) {
	list, value := p[0].(string), strings.TrimSpace(p[1].(string))
	if result, ok := env.lists[list][value]; ok {
		return result, nil
	}
	if len(p) > 2 {
		return p[2], nil
	}
	return nil, &exprFault{CodeValue, fmt.Sprintf("%s is not in the list %s", quote(value), list)}
}

func textFunctions() []expr.Option {
	one := func(name string, f func(string) string) expr.Option {
		return expr.Function(name, func(p ...any) (any, error) { return f(p[0].(string)), nil }, f)
	}
	return []expr.Option{
		one("trimZeros", trimZeros), one("upper", strings.ToUpper), one("lower", strings.ToLower), one("trim", strings.TrimSpace),
		expr.Function("alpha", func(p ...any) (any, error) { return alpha(p[0].(string), p[1].(int)) }, new(func(string, int) string)),
		expr.Function("concat", func(p ...any) (any, error) {
			var b strings.Builder
			for _, s := range p {
				b.WriteString(s.(string))
			}
			return b.String(), nil
		}, new(func(...string) string)),
		expr.Function("coalesce", func(p ...any) (any, error) {
			for _, s := range p {
				if strings.TrimSpace(s.(string)) != "" {
					return s, nil
				}
			}
			return "", nil
		}, new(func(...string) string)),
		expr.Function("replace", func(p ...any) (any, error) {
			return strings.ReplaceAll(p[0].(string), p[1].(string), p[2].(string)), nil
		}, new(func(string, string, string) string)),
		expr.Function("substr", substr, new(func(string, int) string), new(func(string, int, int) string)),
	}
}

// trimZeros takes leading zeros off a number that SAP padded. Text that is not all digits was never padded and stays.
func trimZeros(text string) string {
	text = strings.TrimSpace(text)
	if text == "" || !allDigits(text) {
		return text
	}
	if text = strings.TrimLeft(text, "0"); text == "" {
		return "0"
	}
	return text
}

// alpha pads a text of digits with zeros, as SAP keeps it.
func alpha(text string, length int) (any, error) {
	text = strings.TrimSpace(text)
	if length < 1 || length > 255 {
		return nil, &exprFault{CodeExpr, fmt.Sprintf("alpha needs a length between 1 and 255, not %d", length)}
	}
	if n := length - len(text); text != "" && n > 0 && allDigits(text) {
		return strings.Repeat("0", n) + text, nil
	}
	return text, nil
}

func substr(p ...any) (any, error) {
	text, start := p[0].(string), p[1].(int)
	length := utf8.RuneCountInString(text)
	if len(p) > 2 {
		length = p[2].(int)
	}
	if start < 0 || length < 0 {
		return nil, &exprFault{CodeExpr, "substr needs a start and a length that are not negative"}
	}
	runes := []rune(text)
	start = min(start, len(runes))
	return string(runes[start : start+min(length, len(runes)-start)]), nil
}

func amountFunctions(env *exprEnv) []expr.Option {
	options := []expr.Option{
		expr.Function("amount", func(p ...any) (any, error) {
			if n, ok := p[0].(int); ok {
				return AmountOf(int64(n)), nil
			}
			text := p[0].(string)
			a, err := ParseAmount(text, env.conventions)
			if err != nil {
				return nil, &exprFault{CodeAmount, quote(text) + " " + err.Error()}
			}
			return a, nil
		}, new(func(string) Amount), new(func(int) Amount)),
		expr.Function("round", func(p ...any) (any, error) {
			if n := p[1].(int); n >= 0 && n <= quotientDecimals {
				return p[0].(Amount).Round(n), nil
			}
			return nil, &exprFault{CodeExpr, fmt.Sprintf("round needs 0 to %d decimals", quotientDecimals)}
		}, new(func(Amount, int) Amount)),
		expr.Function("text", func(p ...any) (any, error) { return writeAmount(p[0].(Amount), env.conventions), nil }, new(func(Amount) string)),
	}
	arithmetic := map[string]func(a, b Amount) (Amount, error){
		"+": func(a, b Amount) (Amount, error) { return a.Add(b), nil },
		"-": func(a, b Amount) (Amount, error) { return a.Sub(b), nil },
		"*": func(a, b Amount) (Amount, error) { return a.Mul(b), nil },
		"/": func(a, b Amount) (Amount, error) { return a.Div(b, quotientDecimals) },
	}
	for sign, f := range arithmetic {
		options = append(options, operator(sign, func(a, b Amount) (any, error) { return f(a, b) },
			new(func(Amount, Amount) Amount), new(func(Amount, int) Amount), new(func(int, Amount) Amount))...)
	}
	comparisons := map[string]func(c int) bool{
		"==": func(c int) bool { return c == 0 }, "!=": func(c int) bool { return c != 0 },
		"<": func(c int) bool { return c < 0 }, "<=": func(c int) bool { return c <= 0 },
		">": func(c int) bool { return c > 0 }, ">=": func(c int) bool { return c >= 0 },
	}
	for sign, f := range comparisons {
		options = append(options, operator(sign, func(a, b Amount) (any, error) { return f(a.Cmp(b)), nil },
			new(func(Amount, Amount) bool), new(func(Amount, int) bool), new(func(int, Amount) bool))...)
	}
	return options
}

// operator lets an operator work on amounts, and on amounts with whole numbers.
func operator(sign string, f func(a, b Amount) (any, error), types ...any) []expr.Option {
	of := func(v any) Amount {
		if n, ok := v.(int); ok {
			return AmountOf(int64(n))
		}
		return v.(Amount)
	}
	name := "amount " + sign
	return []expr.Option{
		expr.Function(name, func(p ...any) (any, error) {
			out, err := f(of(p[0]), of(p[1]))
			if err != nil {
				return nil, &exprFault{CodeExpr, err.Error()}
			}
			return out, nil
		}, types...),
		expr.Operator(sign, name),
	}
}
