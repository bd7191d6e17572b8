package cuda_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/lstm"
	"github.com/inferd/inferd/kernels/cpu/step"
	"github.com/inferd/inferd/kernels/cuda"
	"github.com/inferd/inferd/kernels/cuda/emulation"
)

// lstmExample is one call with its weights; the fields are ONNX's inputs and outputs.
type lstmExample struct {
	Direction                    string
	Steps, Batch, Inputs, Hidden int
	Clip                         float32
	Lengths                      []float64
	X, W, R, B, P                []float64
	InitialH                     []float64 `json:"initial_h"`
	InitialC                     []float64 `json:"initial_c"`
	Y                            []float64
	YH                           []float64 `json:"Y_h"`
	YC                           []float64 `json:"Y_c"`
}

func (e *lstmExample) directions() int {
	if e.Direction == "bidirectional" {
		return 2
	}
	return 1
}

func singles(list []float64) []float32 {
	var result []float32
	for _, v := range list {
		result = append(result, float32(v))
	}
	return result
}

// evaluate runs the example and returns the bytes of Y, Y_h and Y_c.
func (e *lstmExample) evaluate(t *testing.T, library *emulation.Library, typ cuda.Type) (y, yh, yc []byte) {
	t.Helper()
	model, err := cuda.PackLSTM(typ, &lstm.LSTM{
		Inputs: e.Inputs, Hidden: e.Hidden, Direction: e.Direction, W: singles(e.W), R: singles(e.R), B: singles(e.B), P: singles(e.P), Clip: e.Clip,
	}, emulation.Encode(typ, e.W), emulation.Encode(typ, e.R))
	if err != nil {
		t.Fatal(err)
	}
	memory := func(typ cuda.Type, values []float64) step.Operand {
		if len(values) == 0 {
			return step.Operand{}
		}
		return emulation.NewBuffer(t, emulation.Encode(typ, values), 0).Operand()
	}
	steps, batch := int64(e.Steps), int64(e.Batch)
	state := e.directions() * e.Batch * e.Hidden * int(typ.Size())
	out := []*emulation.Buffer{
		emulation.NewBuffer(t, make([]byte, e.Steps*state), 0), emulation.NewBuffer(t, make([]byte, state), 0), emulation.NewBuffer(t, make([]byte, state), 0),
	}
	launches, err := model.Plan(cuda.LSTMCall{
		Steps: steps, Batch: batch, X: memory(typ, e.X), Packed: emulation.NewBuffer(t, model.Packed, 0).Operand(), Lengths: memory(cuda.Int32, e.Lengths),
		InitialH: memory(typ, e.InitialH), InitialC: memory(typ, e.InitialC), Y: out[0].Operand(), YH: out[1].Operand(), YC: out[2].Operand(),
		Workspace: emulation.NewBuffer(t, slices.Repeat([]byte{0xff}, int(model.WorkspaceBytes(steps, batch))), 0).Operand(),
	})
	runAll(t, library, launches, err)
	return out[0].Bytes(), out[1].Bytes(), out[2].Bytes()
}

func (e *lstmExample) compare(t *testing.T, library *emulation.Library, typ cuda.Type, name string) {
	t.Helper()
	tolerance := map[cuda.Type]emulation.Tolerance{
		cuda.Float32: {Relative: 1e-5, Scale: 1}, cuda.Float16: {Relative: 3e-3, Scale: 1}, cuda.BFloat16: {Relative: 2.5e-2, Scale: 1},
	}[typ]
	y, yh, yc := e.evaluate(t, library, typ)
	emulation.Compare(t, name+", Y", typ, y, e.Y, tolerance)
	emulation.Compare(t, name+", Y_h", typ, yh, e.YH, tolerance)
	emulation.Compare(t, name+", Y_c", typ, yc, e.YC, tolerance)
}

// TestLSTMAgainstOnnxruntime runs the cases of kernels/cpu/lstm/testdata/generate.py: peepholes, clip, initial states, lengths.
func TestLSTMAgainstOnnxruntime(t *testing.T) {
	library := emulation.Open(t)
	data, err := os.ReadFile("../cpu/lstm/testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []lstmExample
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for i := range cases {
		for _, typ := range floatTypes {
			cases[i].compare(t, library, typ, fmt.Sprintf("%v, case %d", typ, i))
		}
	}
}

// newLSTM makes an example with lengths that differ, one of them beyond the steps, and computes it in float64 from ONNX's equations.
func newLSTM(typ cuda.Type, direction string, steps, batch, inputs, hidden int) *lstmExample {
	e := &lstmExample{Direction: direction, Steps: steps, Batch: batch, Inputs: inputs, Hidden: hidden}
	d := e.directions()
	scaled := func(seed uint64, count int, scale float64) []float64 {
		values := randomValues(typ, count, seed)
		for i := range values {
			values[i] *= scale
		}
		return emulation.Decode(typ, emulation.Encode(typ, values))
	}
	e.X = scaled(1, steps*batch*inputs, 1)
	e.W, e.R, e.B = scaled(2, d*4*hidden*inputs, 0.3), scaled(3, d*4*hidden*hidden, 0.2), scaled(4, d*8*hidden, 0.5)
	for b := range batch {
		e.Lengths = append(e.Lengths, float64(steps-b%3))
	}
	e.Lengths[batch-1] = float64(steps + 5)
	states := d * batch * hidden
	e.Y, e.YH, e.YC = make([]float64, steps*states), make([]float64, states), make([]float64, states)
	for direction := range d {
		for b := range batch {
			e.run(direction, b)
		}
	}
	return e
}

// run computes one direction of one sequence.
func (e *lstmExample) run(direction, sequence int) {
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	state := (direction*e.Batch + sequence) * e.Hidden
	h, c := e.YH[state:state+e.Hidden], e.YC[state:state+e.Hidden]
	length := min(int(e.Lengths[sequence]), e.Steps)
	for s := range length {
		at := s
		if direction == 1 || e.Direction == "reverse" {
			at = length - 1 - s
		}
		next := make([]float64, e.Hidden)
		for u := range next {
			var gate [4]float64
			for g := range gate {
				row := direction*4*e.Hidden + g*e.Hidden + u
				gate[g] = e.B[direction*8*e.Hidden+g*e.Hidden+u] + e.B[direction*8*e.Hidden+(4+g)*e.Hidden+u]
				for k := range e.Inputs {
					gate[g] += e.X[(at*e.Batch+sequence)*e.Inputs+k] * e.W[row*e.Inputs+k]
				}
				for k := range h {
					gate[g] += h[k] * e.R[row*e.Hidden+k]
				}
			}
			c[u] = sigmoid(gate[2])*c[u] + sigmoid(gate[0])*math.Tanh(gate[3])
			next[u] = sigmoid(gate[1]) * math.Tanh(c[u])
		}
		copy(h, next)
		copy(e.Y[((at*e.directions()+direction)*e.Batch+sequence)*e.Hidden:], next)
	}
}

// TestLSTM covers one block for all steps, a launch for each, and blocks with few and many sequences; a sequence has the same bits alone as among others.
func TestLSTM(t *testing.T) {
	library := emulation.Open(t)
	for _, c := range []struct {
		direction                    string
		steps, batch, inputs, hidden int
	}{{"forward", 4, 1, 3, 1}, {"reverse", 5, 3, 8, 16}, {"bidirectional", 4, 9, 5, 33}, {"forward", 2, 2, 4, 201}, {"bidirectional", 2, 1, 16, 132}} {
		for _, typ := range floatTypes {
			e := newLSTM(typ, c.direction, c.steps, c.batch, c.inputs, c.hidden)
			e.compare(t, library, typ, fmt.Sprint(typ, c))
			_, all, _ := e.evaluate(t, library, typ)
			for b := range c.batch {
				alone := *e
				alone.Batch, alone.X, alone.Lengths = 1, nil, e.Lengths[b:b+1]
				for s := range c.steps {
					alone.X = append(alone.X, e.X[(s*c.batch+b)*c.inputs:(s*c.batch+b+1)*c.inputs]...)
				}
				_, one, _ := alone.evaluate(t, library, typ)
				size := c.hidden * int(typ.Size())
				for d := range e.directions() {
					if !bytes.Equal(one[d*size:(d+1)*size], all[(d*c.batch+b)*size:(d*c.batch+b+1)*size]) {
						t.Errorf("%v %v: sequence %d has other bits alone", typ, c, b)
					}
				}
			}
		}
	}
}
