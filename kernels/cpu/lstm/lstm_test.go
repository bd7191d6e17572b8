package lstm

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
	"github.com/inferd/inferd/kernels/cpu/steptest"
)

// example is one call with its weights; the fields are ONNX's inputs and outputs.
type example struct {
	Direction                    string
	Steps, Batch, Inputs, Hidden int
	Clip                         float32
	Lengths                      []int32
	X, W, R, B, P                []float32
	InitialH                     []float32 `json:"initial_h"`
	InitialC                     []float32 `json:"initial_c"`
	Y                            []float32
	YH                           []float32 `json:"Y_h"`
	YC                           []float32 `json:"Y_c"`
}

func (e *example) directions() int {
	if e.Direction == "bidirectional" {
		return 2
	}
	return 1
}

func (e *example) lstm() *LSTM {
	return &LSTM{Inputs: e.Inputs, Hidden: e.Hidden, Direction: e.Direction, W: e.W, R: e.R, B: e.B, P: e.P, Clip: e.Clip}
}

// evaluate runs the example at the level and returns Y, Y_h and Y_c.
func evaluate(t *testing.T, e *example, level isa.Level) (y, yh, yc []float32) {
	t.Helper()
	m, err := Compile(level, e.lstm())
	if err != nil {
		t.Fatal(err)
	}
	state := m.Directions() * e.Batch * e.Hidden
	outputs := []*steptest.Buffer{steptest.NewBuffer(t, 4*e.Steps*state), steptest.NewBuffer(t, 4*state), steptest.NewBuffer(t, 4*state)}
	call := Call{Steps: e.Steps, Batch: e.Batch, Y: outputs[0].Operand(), YH: outputs[1].Operand(), YC: outputs[2].Operand()}
	workspace, packed := steptest.NewBuffer(t, m.WorkspaceBytes(e.Steps, e.Batch)), steptest.From(t, m.Packed)
	call.Workspace, call.Packed = workspace.Operand(), packed.Operand()
	buffers := append(outputs, workspace, packed)
	for _, input := range []struct {
		operand *step.Operand
		values  []float32
	}{{&call.X, e.X}, {&call.InitialH, e.InitialH}, {&call.InitialC, e.InitialC}} {
		if len(input.values) > 0 {
			buffer := steptest.From(t, input.values)
			*input.operand = buffer.Operand()
			buffers = append(buffers, buffer)
		}
	}
	if len(e.Lengths) > 0 {
		call.Lengths = steptest.From(t, e.Lengths).Operand()
	}
	steps, err := m.Plan(call)
	if err != nil {
		t.Fatal(err)
	}
	for i := range steps {
		steptest.Run(t, &steps[i], buffers...)
	}
	view := func(i int) []float32 { return append([]float32(nil), steptest.View[float32](outputs[i])...) }
	return view(0), view(1), view(2)
}

func compare(t *testing.T, name string, got, want []float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d elements, want %d", name, len(got), len(want))
	}
	for i := range want {
		if !(math.Abs(float64(got[i])-float64(want[i])) <= tolerance) {
			t.Fatalf("%s: element %d is %g, want %g", name, i, got[i], want[i])
		}
	}
}

func TestAgainstOnnxruntime(t *testing.T) {
	data, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []example
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for i := range cases {
			y, yh, yc := evaluate(t, &cases[i], level)
			compare(t, fmt.Sprintf("case %d, Y", i), y, cases[i].Y, 1e-5)
			compare(t, fmt.Sprintf("case %d, Y_h", i), yh, cases[i].YH, 1e-5)
			compare(t, fmt.Sprintf("case %d, Y_c", i), yc, cases[i].YC, 1e-5)
		}
	})
}

// plain computes the example in float64, straight from ONNX's equations.
func plain(e *example) (y, yh, yc []float32) {
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	directions, hidden := e.directions(), e.Hidden
	y = make([]float32, e.Steps*directions*e.Batch*hidden)
	yh, yc = make([]float32, directions*e.Batch*hidden), make([]float32, directions*e.Batch*hidden)
	for d := range directions {
		for b := range e.Batch {
			h, c := make([]float64, hidden), make([]float64, hidden)
			length := min(max(int(e.Lengths[b]), 0), e.Steps)
			for s := range length {
				at := s
				if d == 1 || e.Direction == "reverse" {
					at = length - 1 - s
				}
				next := make([]float64, hidden)
				for u := range hidden {
					var gate [4]float64
					for g := range gate {
						row := d*4*hidden + g*hidden + u
						sum := float64(e.B[d*8*hidden+g*hidden+u]) + float64(e.B[d*8*hidden+(4+g)*hidden+u])
						for k := range e.Inputs {
							sum += float64(e.X[(at*e.Batch+b)*e.Inputs+k]) * float64(e.W[row*e.Inputs+k])
						}
						for k := range hidden {
							sum += h[k] * float64(e.R[row*hidden+k])
						}
						gate[g] = sum
					}
					c[u] = sigmoid(gate[2])*c[u] + sigmoid(gate[0])*math.Tanh(gate[3])
					next[u] = sigmoid(gate[1]) * math.Tanh(c[u])
				}
				h = next
				for u := range hidden {
					y[((at*directions+d)*e.Batch+b)*hidden+u] = float32(h[u])
				}
			}
			for u := range hidden {
				yh[(d*e.Batch+b)*hidden+u], yc[(d*e.Batch+b)*hidden+u] = float32(h[u]), float32(c[u])
			}
		}
	}
	return y, yh, yc
}

func random(direction string, steps, batch, inputs, hidden int) *example {
	e := &example{Direction: direction, Steps: steps, Batch: batch, Inputs: inputs, Hidden: hidden}
	d := e.directions()
	scaled := func(seed uint64, n int, scale float32) []float32 {
		values := steptest.Random(seed, n)
		for i := range values {
			values[i] *= scale
		}
		return values
	}
	e.X = steptest.Random(1, steps*batch*inputs)
	e.W, e.R, e.B = scaled(2, d*4*hidden*inputs, 0.3), scaled(3, d*4*hidden*hidden, 0.2), scaled(4, d*8*hidden, 0.5)
	for b := range batch {
		e.Lengths = append(e.Lengths, int32(steps-b%3))
	}
	e.Lengths[batch-1] = int32(steps + 5) // beyond the steps: counts as all of them
	return e
}

var sizes = []struct {
	direction                    string
	steps, batch, inputs, hidden int
}{
	{"forward", 4, 1, 3, 1}, {"reverse", 5, 2, 7, 16}, {"bidirectional", 6, 3, 5, 33}, {"forward", 3, 5, 4, 24},
	{"bidirectional", 17, 2, 64, 96}, {"forward", 4, 31, 2, 10},
}

func TestAgainstPlain(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for _, s := range sizes {
			e := random(s.direction, s.steps, s.batch, s.inputs, s.hidden)
			y, yh, yc := evaluate(t, e, level)
			wantY, wantH, wantC := plain(e)
			compare(t, fmt.Sprint(s, " Y"), y, wantY, 1e-5)
			compare(t, fmt.Sprint(s, " Y_h"), yh, wantH, 1e-5)
			compare(t, fmt.Sprint(s, " Y_c"), yc, wantC, 2e-5)
		}
	})
}

// TestSequenceAlone: a sequence gives the same bits alone as among others.
func TestSequenceAlone(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for _, s := range sizes {
			e := random(s.direction, s.steps, s.batch, s.inputs, s.hidden)
			_, all, _ := evaluate(t, e, level)
			for b := range s.batch {
				alone := *e
				alone.Batch, alone.X, alone.Lengths = 1, nil, e.Lengths[b:b+1]
				for step := range s.steps {
					alone.X = append(alone.X, e.X[(step*s.batch+b)*s.inputs:(step*s.batch+b+1)*s.inputs]...)
				}
				_, one, _ := evaluate(t, &alone, level)
				for d := range e.directions() {
					among := all[(d*s.batch+b)*s.hidden : (d*s.batch+b+1)*s.hidden]
					if got := one[d*s.hidden : (d+1)*s.hidden]; fmt.Sprintf("%x", got) != fmt.Sprintf("%x", among) {
						t.Fatalf("%v: sequence %d, direction %d gives %v alone, %v among others", s, b, d, got, among)
					}
				}
			}
		}
	})
}

// TestStrides reads X as [batch, steps, inputs] and writes Y as [batch, steps, directions * hidden].
func TestStrides(t *testing.T) {
	e := random("bidirectional", 4, 3, 2, 5)
	want, _, _ := evaluate(t, e, isa.Scalar)
	m, err := Compile(isa.Scalar, e.lstm())
	if err != nil {
		t.Fatal(err)
	}
	transposed := make([]float32, len(e.X))
	for s := range e.Steps {
		for b := range e.Batch {
			copy(transposed[(b*e.Steps+s)*e.Inputs:], e.X[(s*e.Batch+b)*e.Inputs:(s*e.Batch+b+1)*e.Inputs])
		}
	}
	x, packed, lengths := steptest.From(t, transposed), steptest.From(t, m.Packed), steptest.From(t, e.Lengths)
	y, workspace := steptest.NewBuffer(t, 4*len(want)), steptest.NewBuffer(t, m.WorkspaceBytes(e.Steps, e.Batch))
	steps, err := m.Plan(Call{
		Steps: e.Steps, Batch: e.Batch, X: x.Operand(), XStrides: Strides{Step: e.Inputs, Batch: e.Steps * e.Inputs}, Packed: packed.Operand(),
		Lengths: lengths.Operand(), Y: y.Operand(), YStrides: Strides{Step: 2 * e.Hidden, Direction: e.Hidden, Batch: e.Steps * 2 * e.Hidden}, Workspace: workspace.Operand(),
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range steps {
		steptest.Run(t, &steps[i], x, packed, lengths, y, workspace)
	}
	got := steptest.View[float32](y)
	for i, value := range want {
		u, b, d, s := i%e.Hidden, i/e.Hidden%e.Batch, i/e.Hidden/e.Batch%2, i/e.Hidden/e.Batch/2
		if at := ((b*e.Steps+s)*2+d)*e.Hidden + u; got[at] != value {
			t.Fatalf("step %d, sequence %d, direction %d, unit %d is %g, want %g", s, b, d, u, got[at], value)
		}
	}
}

func TestCompileErrors(t *testing.T) {
	for _, c := range []struct {
		want        string
		unsupported bool
		spoil       func(l *LSTM)
	}{
		{"hidden size 0", false, func(l *LSTM) { l.Hidden = 0 }},
		{"W has 1 elements", false, func(l *LSTM) { l.W = l.W[:1] }},
		{"B has 3 elements", false, func(l *LSTM) { l.B = l.B[:3] }},
		{"P has 1 elements", false, func(l *LSTM) { l.P = make([]float32, 1) }},
		{"R has 144 elements, want 288", false, func(l *LSTM) { l.Direction = "bidirectional"; l.W = append(l.W, l.W...) }},
		{`direction "up"`, false, func(l *LSTM) { l.Direction = "up" }},
		{"clip -1", false, func(l *LSTM) { l.Clip = -1 }},
		{"input_forget", true, func(l *LSTM) { l.InputForget = true }},
		{"layout 1", true, func(l *LSTM) { l.Layout = 1 }},
		{"activations", true, func(l *LSTM) { l.Activations = []string{"Relu", "Tanh", "Tanh"} }},
	} {
		l := random("forward", 1, 1, 4, 6).lstm()
		c.spoil(l)
		_, err := Compile(isa.Scalar, l)
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrUnsupported) != c.unsupported {
			t.Errorf("error is %v, want %q in it (unsupported: %t)", err, c.want, c.unsupported)
		}
	}
	m, err := Compile(isa.Scalar, random("forward", 1, 1, 4, 6).lstm())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Plan(Call{Steps: 1 << 40, Batch: 1 << 40}); err == nil {
		t.Error("2^80 rows were accepted")
	}
}
