package cuda_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/linear"
	"github.com/inferd/inferd/kernels/cpu/step"
	"github.com/inferd/inferd/kernels/cuda"
	"github.com/inferd/inferd/kernels/cuda/emulation"
)

// evaluateLinear runs a linear model over rows and returns the bytes of scores and labels.
func evaluateLinear(t *testing.T, library *emulation.Library, l *linear.Linear, x []float64, rows int, processors int64) (scores, labels []byte) {
	t.Helper()
	model, err := cuda.PackLinearModel(l)
	if err != nil {
		t.Fatal(err)
	}
	width := max(len(l.Intercepts), l.Targets)
	if width == 1 && len(l.Labels) == 2 {
		width = 2
	}
	in, packed := emulation.NewBuffer(t, emulation.Encode(cuda.Float32, x), 0), emulation.NewBuffer(t, model.Packed, 0)
	out, names := emulation.NewBuffer(t, make([]byte, 4*rows*width), 0), emulation.NewBuffer(t, make([]byte, 8*rows), 0)
	label := step.Operand{}
	if l.Classifier {
		label = names.Operand()
	}
	launches, err := model.Plan(cuda.LinearModelCall{
		Rows: int64(rows), X: in.Operand(), Packed: packed.Operand(), Scores: out.Operand(), Labels: label, Processors: processors,
	})
	runAll(t, library, launches, err)
	return out.Bytes(), names.Bytes()
}

// TestLinearModelAgainstOnnxruntime runs the cases of kernels/cpu/linear/testdata/generate.py.
func TestLinearModelAgainstOnnxruntime(t *testing.T) {
	library := emulation.Open(t)
	data, err := os.ReadFile("../cpu/linear/testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Op         string
		Rows       int
		Attributes struct {
			Coefficients, Intercepts []float32
			PostTransform            string  `json:"post_transform"`
			Labels                   []int64 `json:"classlabels_ints"`
			Targets                  int
		}
		X, Scores []float64
		Labels    []int64
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		if c.Op == "Normalizer" {
			continue
		}
		a := c.Attributes
		scores, labels := evaluateLinear(t, library, &linear.Linear{
			Coefficients: a.Coefficients, Intercepts: a.Intercepts, PostTransform: a.PostTransform, Classifier: c.Op == "LinearClassifier", Labels: a.Labels, Targets: a.Targets,
		}, c.X, c.Rows, 1)
		for k, want := range c.Scores {
			if want == 1e30 { // how the file writes NaN
				c.Scores[k] = math.NaN()
			}
		}
		emulation.Compare(t, fmt.Sprintf("case %d (%s)", i, c.Op), cuda.Float32, scores, c.Scores, emulation.Tolerance{Relative: 1e-4, Scale: 0.1})
		for row, label := range c.Labels {
			if got := int64(emulation.Decode(cuda.Int64, labels)[row]); got != label {
				t.Errorf("case %d (%s): label %d is %d, want %d", i, c.Op, row, got, label)
			}
		}
	}
}

// TestLinearModelRowAlone: rows give the same bits alone as among others, and they are near the float64 sums.
func TestLinearModelRowAlone(t *testing.T) {
	library := emulation.Open(t)
	for _, c := range []struct{ rows, features, outputs int }{{1, 1, 1}, {67, 64, 10}, {18, 9, 3}, {6, 261, 5}} {
		l := &linear.Linear{Targets: c.outputs}
		for _, v := range randomValues(cuda.Float32, c.outputs*c.features, 1) {
			l.Coefficients = append(l.Coefficients, float32(v))
		}
		for _, v := range randomValues(cuda.Float32, c.outputs, 2) {
			l.Intercepts = append(l.Intercepts, float32(v))
		}
		x := randomValues(cuda.Float32, c.rows*c.features, 3)
		all, _ := evaluateLinear(t, library, l, x, c.rows, 1)
		for row := 0; row < c.rows; row += 1 + c.rows/9 {
			values := x[row*c.features : (row+1)*c.features]
			alone, _ := evaluateLinear(t, library, l, values, 1, 128)
			if !bytes.Equal(alone, all[4*row*c.outputs:4*(row+1)*c.outputs]) {
				t.Errorf("%v: row %d gives other bits alone", c, row)
			}
			want := make([]float64, c.outputs)
			for o := range want {
				want[o] = float64(l.Intercepts[o])
				for k, value := range values {
					want[o] += value * float64(l.Coefficients[o*c.features+k])
				}
			}
			emulation.Compare(t, fmt.Sprint(c, " row ", row), cuda.Float32, alone, want, emulation.Tolerance{Relative: 1e-5, Scale: 10})
		}
	}
}

func TestOneHot(t *testing.T) {
	library := emulation.Open(t)
	for _, categories := range [][]int64{{3}, {5, -1, math.MinInt64, math.MaxInt64, 0, 5, 1 << 40}, {1, 2, 3, 4, 5, 6, 7, 8}} {
		table, err := linear.CompileInts(categories)
		if err != nil {
			t.Fatal(err)
		}
		inputs := append([]int64{6, -5, 77}, categories...)
		var x []byte
		var want []float64
		misses := 0.0
		for _, input := range inputs {
			x = binary.LittleEndian.AppendUint64(x, uint64(input))
			row, known := make([]float64, len(categories)), false
			for i := len(categories) - 1; i >= 0 && !known; i-- { // of equal categories the last one counts
				if known = categories[i] == input; known {
					row[i] = 1
				}
			}
			if !known {
				misses++
			}
			want = append(want, row...)
		}
		in, packed := emulation.NewBuffer(t, x, 0), emulation.NewBuffer(t, table.Packed, 0)
		y, unknown := emulation.NewBuffer(t, make([]byte, 4*len(want)), 0), emulation.NewBuffer(t, make([]byte, 8), 0)
		launches, err := cuda.OneHot{
			Table: table, Elements: int64(len(inputs)), X: in.Operand(), Packed: packed.Operand(), Y: y.Operand(), Unknown: unknown.Operand(),
		}.Plan()
		runAll(t, library, launches, err)
		emulation.Compare(t, "one hot", cuda.Float32, y.Bytes(), want, emulation.Tolerance{})
		emulation.Compare(t, "unknown", cuda.Int64, unknown.Bytes(), []float64{misses}, emulation.Tolerance{})
	}
}
