package graph

// Size counts the symbols and operations in the dimension: what evaluating or printing it costs. Hostile models can grow it without end.
func (d Dim) Size() int {
	size := 1
	for _, t := range d.terms {
		for _, f := range t.factors {
			size++
			if f.operation != 0 {
				size += f.left.Size() + f.right.Size()
			}
		}
	}
	return size
}

// NonNegative reports whether the dimension is known not to be negative. False means unknown.
func (d Dim) NonNegative() bool {
	if d.constant < 0 {
		return false
	}
	for _, t := range d.terms {
		if t.coefficient < 0 {
			return false
		}
		for _, f := range t.factors {
			if !f.nonNegative() {
				return false
			}
		}
	}
	return true
}

func (f factor) nonNegative() bool {
	switch f.operation {
	case opQuotient, opMinimum, opProduct:
		return f.left.NonNegative() && f.right.NonNegative()
	case opMaximum:
		return f.left.NonNegative() || f.right.NonNegative()
	}
	return true
}

// Min returns the smaller of d and e.
func (d Dim) Min(e Dim) Dim {
	switch {
	case e.Sub(d).NonNegative():
		return d
	case d.Sub(e).NonNegative():
		return e
	}
	low, high := ordered(d, e)
	return opaque("min("+low.String()+","+high.String()+")", opMinimum, low, high)
}

// Max returns the larger of d and e.
func (d Dim) Max(e Dim) Dim {
	switch {
	case d.Sub(e).NonNegative():
		return d
	case e.Sub(d).NonNegative():
		return e
	}
	low, high := ordered(d, e)
	return opaque("max("+low.String()+","+high.String()+")", opMaximum, low, high)
}

// ordered sorts by text, so that an operation has one normal form.
func ordered(d, e Dim) (Dim, Dim) {
	if e.String() < d.String() {
		return e, d
	}
	return d, e
}

// MinOf reports whether d is the smaller of e and some other dimension, and returns that other one.
func (d Dim) MinOf(e Dim) (other Dim, ok bool) {
	if d.constant != 0 || len(d.terms) != 1 || d.terms[0].coefficient != 1 || len(d.terms[0].factors) != 1 {
		return Dim{}, false
	}
	f := d.terms[0].factors[0]
	switch {
	case f.operation != opMinimum:
		return Dim{}, false
	case f.left.Equal(e):
		return *f.right, true
	case f.right.Equal(e):
		return *f.left, true
	}
	return Dim{}, false
}
