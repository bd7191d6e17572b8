package graph

import "testing"

func TestMinAndMax(t *testing.T) {
	n, m := Symbol("n"), Symbol("m")
	for _, test := range []struct {
		got  Dim
		want string
	}{
		{n.Min(n.Add(Int(3))), "n"},
		{n.Max(n.Add(Int(3))), "n+3"},
		{n.Max(Int(0)), "n"},
		{n.Min(Int(512)), "min(512,n)"},
		{Int(512).Min(n), "min(512,n)"},
		{n.Sub(Int(1)).Max(Int(0)), "max(0,n-1)"},
		{n.Min(Int(512)).Eval(map[string]int64{"n": 600}), "512"},
		{n.Max(m).Eval(map[string]int64{"n": 6}), "max(6,m)"},
		{n.Max(m).Eval(map[string]int64{"n": 6, "m": 7}), "7"},
		{Int(1 << 62).Add(Int(1 << 62)), "9223372036854775807"},
		{Int(-1 << 62).Sub(Int(1 << 62)).Sub(Int(1)), "-9223372036854775808"},
	} {
		if got := test.got.String(); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

func TestMinOf(t *testing.T) {
	n := Symbol("n")
	if other, ok := n.Min(Int(512)).MinOf(n); !ok || !other.Is(512) {
		t.Errorf("min(512,n) is the smaller of n and %v (%v)", other, ok)
	}
	for _, d := range []Dim{n, n.Max(Int(5)), n.Min(Int(5)).Add(Int(1)), n.Min(Int(5)).Mul(Int(2)), Symbol("m").Min(Int(5))} {
		if other, ok := d.MinOf(n); ok {
			t.Errorf("%v is no smaller of n and %v", d, other)
		}
	}
}

func TestNonNegative(t *testing.T) {
	n := Symbol("n")
	for _, d := range []Dim{Int(0), n, n.Mul(n).Add(Int(2)), n.Div(Int(2)), n.Min(Symbol("m")), n.Sub(Int(1)).Max(Int(0))} {
		if !d.NonNegative() {
			t.Errorf("%v can be negative?", d)
		}
	}
	for _, d := range []Dim{Int(-1), n.Sub(Int(1)), n.Mul(Int(-1)), n.Sub(Int(1)).Div(Int(2)), n.Sub(Int(1)).Min(n.Mul(Int(2)))} {
		if d.NonNegative() {
			t.Errorf("%v cannot be negative?", d)
		}
	}
}

// TestSizeStaysBounded squares a sum over and over: multiplied out it would have 2^30 terms.
func TestSizeStaysBounded(t *testing.T) {
	d := Symbol("a").Add(Symbol("b"))
	for range 12 {
		d = d.Mul(d)
	}
	if d.Size() > 1<<20 {
		t.Errorf("size %d", d.Size())
	}
	if got := d.Eval(map[string]int64{"a": 1, "b": 0}); !got.Is(1) {
		t.Errorf("(1+0)^4096 is %v", got)
	}
}
