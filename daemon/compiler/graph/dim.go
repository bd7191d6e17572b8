package graph

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Dim is a dimension or any other integer that the compiler may not know before a request comes: a polynomial with integer
// coefficients over symbols ("batch") and opaque terms ("floor(seq/2)", "min(512,seq)"). Symbols stand for sizes, so they are never
// negative. It is immutable and always in normal form, so that two Dims are equal exactly where their strings are. The zero Dim is 0.
type Dim struct {
	constant int64
	terms    []term // sorted by monomial, no zero coefficient
}

// term is coefficient * monomial; a monomial is a sorted product of factors.
type term struct {
	coefficient int64
	factors     []factor
}

// factor is a symbol or an operation on two dimensions that no polynomial expresses.
type factor struct {
	symbol      string // for an operation its text
	operation   operation
	left, right *Dim // nil in a symbol
}

type operation byte

const (
	opQuotient operation = iota + 1 // floor(left/right)
	opMinimum
	opMaximum
	opProduct // left*right where multiplying out would explode
)

// productLimit bounds the size of what Mul multiplies out.
const productLimit = 1024

func opaque(text string, operation operation, left, right Dim) Dim {
	return Dim{terms: []term{{1, []factor{{text, operation, &left, &right}}}}}
}

// Int returns a known dimension.
func Int(value int64) Dim { return Dim{constant: value} }

// Symbol returns a dimension known only by its name.
func Symbol(name string) Dim {
	return Dim{terms: []term{{1, []factor{{symbol: name}}}}}
}

// Known returns the value of a dimension without symbols.
func (d Dim) Known() (int64, bool) { return d.constant, len(d.terms) == 0 }

// Is reports whether the dimension is known to be the value.
func (d Dim) Is(value int64) bool { return len(d.terms) == 0 && d.constant == value }

// Equal reports whether both are the same polynomial. False means unknown rather than different where symbols are left.
func (d Dim) Equal(e Dim) bool {
	if len(d.terms) == 0 && len(e.terms) == 0 {
		return d.constant == e.constant
	}
	return len(d.terms) == len(e.terms) && d.String() == e.String()
}

// Add returns d + e. Known sums saturate as products do.
func (d Dim) Add(e Dim) Dim {
	if len(d.terms) == 0 && len(e.terms) == 0 {
		return Int(saturatingAdd(d.constant, e.constant))
	}
	return normal(saturatingAdd(d.constant, e.constant), append(slices.Clone(d.terms), e.terms...))
}

// Sub returns d - e.
func (d Dim) Sub(e Dim) Dim { return d.Add(e.Mul(Int(-1))) }

// Mul returns d * e. Known products that overflow saturate, so that hostile shapes stay detectable as too large.
func (d Dim) Mul(e Dim) Dim {
	if len(d.terms) == 0 && len(e.terms) == 0 {
		return Int(saturatingMul(d.constant, e.constant))
	}
	if d.Size()*e.Size() > productLimit {
		low, high := ordered(d, e)
		return opaque("("+low.String()+")*("+high.String()+")", opProduct, low, high)
	}
	var terms []term
	for _, t := range d.terms {
		terms = append(terms, term{saturatingMul(t.coefficient, e.constant), t.factors})
		for _, u := range e.terms {
			terms = append(terms, term{saturatingMul(t.coefficient, u.coefficient), append(slices.Clone(t.factors), u.factors...)})
		}
	}
	for _, u := range e.terms {
		terms = append(terms, term{saturatingMul(u.coefficient, d.constant), u.factors})
	}
	return normal(saturatingMul(d.constant, e.constant), terms)
}

// Div returns floor(d / e), exactly where the division is known to leave no remainder term by term. e must not be known to be 0.
func (d Dim) Div(e Dim) Dim {
	if e.Is(1) {
		return d
	}
	if quotient, ok := d.exactDiv(e); ok {
		return quotient
	}
	if a, ok := d.Known(); ok {
		if b, ok := e.Known(); ok && b != 0 {
			return Int(floorDiv(a, b))
		}
	}
	return opaque(fmt.Sprintf("floor((%s)/(%s))", d, e), opQuotient, d, e)
}

// exactDiv divides by a single monomial where every term is a multiple of it.
func (d Dim) exactDiv(e Dim) (Dim, bool) {
	if d.Equal(e) && !e.Is(0) {
		return Int(1), true
	}
	var divisor term
	switch {
	case len(e.terms) == 0 && e.constant != 0:
		divisor = term{coefficient: e.constant}
	case len(e.terms) == 1 && e.constant == 0:
		divisor = e.terms[0]
	default:
		return Dim{}, false
	}
	if d.constant != 0 && len(divisor.factors) > 0 || d.constant%divisor.coefficient != 0 {
		return Dim{}, false
	}
	var terms []term
	for _, t := range d.terms {
		if t.coefficient%divisor.coefficient != 0 {
			return Dim{}, false
		}
		rest := slices.Clone(t.factors)
		for _, f := range divisor.factors {
			i := slices.IndexFunc(rest, func(g factor) bool { return g.symbol == f.symbol })
			if i < 0 {
				return Dim{}, false
			}
			rest = slices.Delete(rest, i, i+1)
		}
		terms = append(terms, term{t.coefficient / divisor.coefficient, rest})
	}
	return normal(d.constant/divisor.coefficient, terms), true
}

// Eval replaces symbols by their values. Symbols without a value stay.
func (d Dim) Eval(values map[string]int64) Dim {
	if len(d.terms) == 0 {
		return d
	}
	sum := Int(d.constant)
	for _, t := range d.terms {
		product := Int(t.coefficient)
		for _, f := range t.factors {
			product = product.Mul(f.eval(values))
		}
		sum = sum.Add(product)
	}
	return sum
}

func (f factor) eval(values map[string]int64) Dim {
	switch f.operation {
	case opQuotient:
		return f.left.Eval(values).Div(f.right.Eval(values))
	case opMinimum:
		return f.left.Eval(values).Min(f.right.Eval(values))
	case opMaximum:
		return f.left.Eval(values).Max(f.right.Eval(values))
	case opProduct:
		return f.left.Eval(values).Mul(f.right.Eval(values))
	}
	if value, ok := values[f.symbol]; ok {
		return Int(value)
	}
	return Dim{terms: []term{{1, []factor{f}}}}
}

// Symbols calls visit for every symbol in the dimension.
func (d Dim) Symbols(visit func(name string)) {
	for _, t := range d.terms {
		for _, f := range t.factors {
			if f.operation != 0 {
				f.left.Symbols(visit)
				f.right.Symbols(visit)
				continue
			}
			visit(f.symbol)
		}
	}
}

// Uses reports whether the dimension depends on the symbol.
func (d Dim) Uses(name string) bool {
	found := false
	d.Symbols(func(symbol string) { found = found || symbol == name })
	return found
}

// String writes the normal form, for instance 2*batch*seq+1.
func (d Dim) String() string {
	if len(d.terms) == 0 {
		return fmt.Sprint(d.constant)
	}
	var text strings.Builder
	for i, t := range d.terms {
		if i > 0 && t.coefficient > 0 {
			text.WriteByte('+')
		}
		switch t.coefficient {
		case 1:
		case -1:
			text.WriteByte('-')
		default:
			fmt.Fprintf(&text, "%d*", t.coefficient)
		}
		text.WriteString(t.key())
	}
	if d.constant != 0 {
		fmt.Fprintf(&text, "%+d", d.constant)
	}
	return text.String()
}

func (t term) key() string {
	names := make([]string, len(t.factors))
	for i, f := range t.factors {
		names[i] = f.symbol
	}
	return strings.Join(names, "*")
}

// normal sorts factors and terms and merges equal monomials.
func normal(constant int64, terms []term) Dim {
	for i := range terms {
		terms[i].factors = slices.Clone(terms[i].factors)
		slices.SortFunc(terms[i].factors, func(a, b factor) int { return strings.Compare(a.symbol, b.symbol) })
	}
	slices.SortStableFunc(terms, func(a, b term) int { return strings.Compare(a.key(), b.key()) })
	var merged []term
	for _, t := range terms {
		if len(t.factors) == 0 {
			constant += t.coefficient
			continue
		}
		if last := len(merged) - 1; last >= 0 && merged[last].key() == t.key() {
			merged[last].coefficient += t.coefficient
			continue
		}
		merged = append(merged, t)
	}
	merged = slices.DeleteFunc(merged, func(t term) bool { return t.coefficient == 0 })
	return Dim{constant: constant, terms: merged}
}

func saturatingAdd(a, b int64) int64 {
	sum := a + b
	if a > 0 && b > 0 && sum < 0 {
		return math.MaxInt64
	}
	if a < 0 && b < 0 && sum >= 0 {
		return math.MinInt64
	}
	return sum
}

func saturatingMul(a, b int64) int64 {
	if a == 0 || b == 0 {
		return 0
	}
	product := a * b
	if product/b != a || a == math.MinInt64 && b == -1 || b == math.MinInt64 && a == -1 {
		if (a < 0) == (b < 0) {
			return math.MaxInt64
		}
		return math.MinInt64
	}
	return product
}

func floorDiv(a, b int64) int64 {
	quotient := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		quotient--
	}
	return quotient
}
