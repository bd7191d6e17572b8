package linear

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"unsafe"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
	"github.com/inferd/inferd/kernels/cpu/steptest"
)

func run(t *testing.T, steps []step.Step, err error, buffers ...*steptest.Buffer) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for i := range steps {
		steptest.Run(t, &steps[i], buffers...)
	}
}

func evaluate(t *testing.T, m *Model, level isa.Level, rows int, x []float32) ([]float32, []int64) {
	t.Helper()
	in, packed := steptest.From(t, x), steptest.From(t, m.Packed)
	scores, labels := steptest.NewBuffer(t, 4*rows*m.Width()), steptest.NewBuffer(t, 8*rows)
	labelOperand := step.Operand{}
	if m.classifier {
		labelOperand = labels.Operand()
	}
	steps, err := m.Plan(level, rows, in.Operand(), packed.Operand(), scores.Operand(), labelOperand)
	run(t, steps, err, in, packed, scores, labels)
	return append([]float32(nil), steptest.View[float32](scores)...), append([]int64(nil), steptest.View[int64](labels)...)
}

func normalize(t *testing.T, level isa.Level, norm Norm, rows int, x []float32) []float32 {
	t.Helper()
	in, out := steptest.From(t, x), steptest.NewBuffer(t, 4*len(x))
	steps, err := PlanNormalizer(level, norm, rows, len(x)/rows, in.Operand(), out.Operand())
	run(t, steps, err, in, out)
	return append([]float32(nil), steptest.View[float32](out)...)
}

type recordedCase struct {
	Op         string
	Rows       int
	Attributes struct {
		Coefficients, Intercepts []float32
		PostTransform            string  `json:"post_transform"`
		Labels                   []int64 `json:"classlabels_ints"`
		Targets                  int
		Norm                     string
	}
	X, Scores []float32
	Labels    []int64
}

func TestAgainstOnnxruntime(t *testing.T) {
	data, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []recordedCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for i, c := range cases {
			var scores []float32
			var labels []int64
			if c.Op == "Normalizer" {
				norm, err := ParseNorm(c.Attributes.Norm)
				if err != nil {
					t.Fatal(err)
				}
				scores = normalize(t, level, norm, c.Rows, c.X)
			} else {
				a := c.Attributes
				m, err := Compile(&Linear{Coefficients: a.Coefficients, Intercepts: a.Intercepts, PostTransform: a.PostTransform,
					Classifier: c.Op == "LinearClassifier", Labels: a.Labels, Targets: a.Targets})
				if err != nil {
					t.Fatalf("case %d: %v", i, err)
				}
				scores, labels = evaluate(t, m, level, c.Rows, c.X)
			}
			if len(scores) != len(c.Scores) {
				t.Fatalf("case %d: %d scores, want %d", i, len(scores), len(c.Scores))
			}
			for j, want := range c.Scores {
				got := scores[j]
				if want == 1e30 && got != got {
					continue
				}
				if !(math.Abs(float64(got-want)) <= 1e-5+1e-4*math.Abs(float64(want))) {
					t.Errorf("case %d (%s): score %d is %g, want %g", i, c.Op, j, got, want)
				}
			}
			for row := range c.Labels {
				if labels[row] != c.Labels[row] {
					t.Errorf("case %d: label %d is %d, want %d", i, row, labels[row], c.Labels[row])
				}
			}
		}
	})
}

// TestLinearRowAlone: a row gives the same bits alone as among others, and they are near the float64 sums.
func TestLinearRowAlone(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for _, s := range []struct{ rows, features, outputs int }{{1, 1, 1}, {7, 64, 10}, {2051, 8, 3}, {6, 33, 40}} {
			l := &Linear{Coefficients: steptest.Random(1, s.outputs*s.features), Intercepts: steptest.Random(2, s.outputs), Targets: s.outputs}
			m, err := Compile(l)
			if err != nil {
				t.Fatal(err)
			}
			x := steptest.Random(3, s.rows*s.features)
			all, _ := evaluate(t, m, level, s.rows, x)
			for row := 0; row < s.rows; row += max(1, s.rows/9) {
				values := x[row*s.features : (row+1)*s.features]
				alone, _ := evaluate(t, m, level, 1, values)
				among := all[row*s.outputs : (row+1)*s.outputs]
				if fmt.Sprintf("%x", alone) != fmt.Sprintf("%x", among) {
					t.Fatalf("%v: row %d gives %v alone, %v among others", s, row, alone, among)
				}
				for o, got := range alone {
					want := float64(l.Intercepts[o])
					for k, value := range values {
						want += float64(value) * float64(l.Coefficients[o*s.features+k])
					}
					if math.Abs(float64(got)-want) > 1e-4 {
						t.Errorf("%v: output %d of row %d is %g, want %g", s, o, row, got, want)
					}
				}
			}
		}
	})
}

func TestScaler(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for _, s := range []struct{ rows, columns int }{{1, 1}, {3, 5}, {9, 64}, {3, 20000}} {
			x, offset, scale := steptest.Random(1, s.rows*s.columns), steptest.Random(2, s.columns), steptest.Random(3, s.columns)
			buffers := []*steptest.Buffer{steptest.From(t, x), steptest.From(t, offset), steptest.From(t, scale), steptest.NewBuffer(t, 4*len(x))}
			steps, err := PlanScaler(level, s.rows, s.columns, buffers[0].Operand(), buffers[1].Operand(), buffers[2].Operand(), buffers[3].Operand())
			run(t, steps, err, buffers...)
			for i, got := range steptest.View[float32](buffers[3]) {
				if c := i % s.columns; got != (x[i]-offset[c])*scale[c] {
					t.Fatalf("%v: element %d is %g, want %g", s, i, got, (x[i]-offset[c])*scale[c])
				}
			}
		}
	})
	if _, err := Expand([]float32{1, 2}, 3); err == nil {
		t.Error("two values for three columns were accepted")
	}
	if values, err := Expand([]float32{2}, 3); err != nil || len(values) != 3 || values[2] != 2 {
		t.Errorf("one value expands to %v, %v", values, err)
	}
}

// checkOneHot encodes the elements and compares with the wanted categories, -1 for unknown.
func checkOneHot(t *testing.T, o *OneHot, n int, x *steptest.Buffer, want []int) {
	t.Helper()
	packed, y, unknown := steptest.From(t, o.Packed), steptest.NewBuffer(t, 4*n*o.Categories()), steptest.NewBuffer(t, 8)
	for i := range steptest.View[float32](y) {
		steptest.View[float32](y)[i] = 9
	}
	steps, err := o.Plan(n, x.Operand(), packed.Operand(), y.Operand(), unknown.Operand())
	run(t, steps, err, x, packed, y, unknown)
	misses := int64(0)
	for i, category := range want {
		if category < 0 {
			misses++
		}
		for c, got := range steptest.View[float32](y)[i*o.Categories() : (i+1)*o.Categories()] {
			if (got == 1) != (c == category) || got != 0 && got != 1 {
				t.Fatalf("element %d, category %d: %g, want category %d", i, c, got, category)
			}
		}
	}
	if got := steptest.View[int64](unknown)[0]; got != misses {
		t.Errorf("%d unknown elements, want %d", got, misses)
	}
}

func TestOneHotStrings(t *testing.T) {
	categories := []string{"a", "b", "", "a longer category", "b", "ä"}
	for i := range 300 {
		categories = append(categories, fmt.Sprint("category ", i))
	}
	index := map[string]int{}
	for i, category := range categories {
		index[category] = i
	}
	o, err := CompileStrings(categories)
	if err != nil {
		t.Fatal(err)
	}
	inputs := append([]string{"c", "A", "a longer categorx", "\x00"}, categories...)
	text := steptest.From(t, []byte(strings.Join(inputs, "")))
	type record struct {
		data   uintptr
		length int64
	}
	var records []record
	var want []int
	at := uintptr(text.Pointer())
	for _, input := range inputs {
		records = append(records, record{at, int64(len(input))})
		at += uintptr(len(input))
		category, known := index[input]
		if !known {
			category = -1
		}
		want = append(want, category)
	}
	if unsafe.Sizeof(record{}) != unsafe.Sizeof("") {
		t.Fatal("a record is not as large as a string")
	}
	checkOneHot(t, o, len(inputs), steptest.From(t, records), want)
	if _, err := CompileStrings(nil); err == nil {
		t.Error("no categories were accepted")
	}
}

func TestOneHotInts(t *testing.T) {
	categories := []int64{5, -1, math.MinInt64, math.MaxInt64, 0, 5, 1 << 40}
	o, err := CompileInts(categories)
	if err != nil {
		t.Fatal(err)
	}
	inputs := append([]int64{6, -5, 1}, categories...)
	checkOneHot(t, o, len(inputs), steptest.From(t, inputs), []int{-1, -1, -1, 5, 1, 2, 3, 4, 5, 6})
	single, err := CompileInts([]int64{3})
	if err != nil {
		t.Fatal(err)
	}
	checkOneHot(t, single, 2, steptest.From(t, []int64{3, 4}), []int{0, -1})
}

func TestCompileErrors(t *testing.T) {
	for want, l := range map[string]*Linear{
		"0 outputs":                     {Classifier: true},
		"3 coefficients for 2 outputs":  {Coefficients: make([]float32, 3), Intercepts: make([]float32, 2), Classifier: true, LabelCount: 2},
		"3 class labels for 2 outputs":  {Coefficients: make([]float32, 4), Intercepts: make([]float32, 2), Classifier: true, LabelCount: 3},
		"1 intercepts for 2 outputs":    {Coefficients: make([]float32, 4), Intercepts: make([]float32, 1), Targets: 2},
		`post_transform "X" is unknown`: {Coefficients: make([]float32, 4), Targets: 2, PostTransform: "X"},
	} {
		if _, err := Compile(l); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q in it", err, want)
		}
	}
	if _, err := PlanNormalizer(isa.Scalar, L1, 0, 3, step.Operand{}, step.Operand{}); err == nil {
		t.Error("no rows were accepted")
	}
	if _, err := ParseNorm("L3"); err == nil {
		t.Error("L3 was accepted")
	}
}
