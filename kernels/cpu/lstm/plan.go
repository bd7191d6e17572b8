package lstm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// The parameters, in the order of enum lstm_parameter in lstm.h.
const (
	parameterSteps = iota
	parameterBatch
	parameterInputs
	parameterHidden
	parameterDirections
	parameterReverse
	parameterTileRows
	parameterClip
	parameterPeephole
	parameterXStep
	parameterXBatch
	parameterYStep
	parameterYDirection
	parameterYBatch
)

const (
	gates = 4
	// maxElements bounds every tensor here, so that no product overflows.
	maxElements = 1 << 40
	// projectRows and recurRows are the rows of a tile: enough to use each weight often, few enough to share the work. Both
	// are multiples of the rows that the kernels take at a time; recurRows is LSTM_RECUR_ROWS.
	projectRows = 18
	recurRows   = 12
)

// ErrUnsupported is in the chain of errors about valid LSTMs that these kernels do not run.
var ErrUnsupported = errors.New("not supported by the LSTM kernels")

// LSTM holds the attributes and constant inputs of ONNX's LSTM.
type LSTM struct {
	Inputs    int       // size of an input vector
	Hidden    int       // hidden_size
	Direction string    // forward, reverse or bidirectional; empty is forward
	W         []float32 // [directions, 4 Hidden, Inputs], gates in the order input, output, forget, cell
	R         []float32 // [directions, 4 Hidden, Hidden]
	B         []float32 // [directions, 8 Hidden], or empty
	P         []float32 // peepholes [directions, 3 Hidden], or empty

	Clip         float32 // 0 means none
	Activations  []string
	InputForget  bool
	Layout       int
	HasAlphaBeta bool // activation_alpha or activation_beta is set
}

// Model is a compiled LSTM.
type Model struct {
	// Packed holds the weights in the order that the kernels of one level read them; they want it in C memory, aligned to 64 bytes.
	Packed []byte

	level                      isa.Level
	inputs, hidden, directions int
	reverse, peephole          bool
	clip                       float64
}

// Directions returns 2 for a bidirectional LSTM, else 1.
func (m *Model) Directions() int { return m.directions }

// Check reports what is wrong with the attributes and the sizes of the weights, or what kernels do not run, and returns the number of directions.
func (l *LSTM) Check() (directions int, err error) {
	switch l.Direction {
	case "", "forward", "reverse":
		return 1, l.check(1)
	case "bidirectional":
		return 2, l.check(2)
	}
	return 0, fmt.Errorf("lstm: direction %q is unknown", l.Direction)
}

func (l *LSTM) check(directions int) error {
	if l.Inputs < 1 || l.Hidden < 1 || l.Inputs > 1<<20 || l.Hidden > 1<<16 {
		return fmt.Errorf("lstm: input size %d and hidden size %d are out of range", l.Inputs, l.Hidden)
	}
	for _, input := range []struct {
		name      string
		have      int
		perUnit   int
		mayBeLeft bool
	}{
		{"W", len(l.W), gates * l.Inputs, false}, {"R", len(l.R), gates * l.Hidden, false},
		{"B", len(l.B), 2 * gates, true}, {"P", len(l.P), 3, true},
	} {
		if want := directions * l.Hidden * input.perUnit; input.have != want && !(input.mayBeLeft && input.have == 0) {
			return fmt.Errorf("lstm: %s has %d elements, want %d", input.name, input.have, want)
		}
	}
	if l.Clip < 0 || l.Clip != l.Clip {
		return fmt.Errorf("lstm: clip %g is negative or not a number", l.Clip)
	}
	if l.InputForget {
		return fmt.Errorf("lstm: input_forget is %w", ErrUnsupported)
	}
	if l.Layout != 0 {
		return fmt.Errorf("lstm: layout %d is %w", l.Layout, ErrUnsupported)
	}
	defaults := slices.Repeat([]string{"Sigmoid", "Tanh", "Tanh"}, directions)
	if len(l.Activations) != 0 && !slices.Equal(l.Activations, defaults) || l.HasAlphaBeta {
		return fmt.Errorf("lstm: activations %q are %w", l.Activations, ErrUnsupported)
	}
	return nil
}

// Compile checks the attributes and packs the weights for the kernels of the level.
func Compile(level isa.Level, l *LSTM) (*Model, error) {
	directions, err := l.Check()
	if err != nil {
		return nil, err
	}
	m := &Model{level: level, inputs: l.Inputs, hidden: l.Hidden, directions: directions, reverse: l.Direction == "reverse", peephole: len(l.P) > 0}
	if m.clip = float64(l.Clip); m.clip == 0 {
		m.clip = math.Inf(1)
	}
	for d := range m.directions {
		m.packGates(l.W[d*gates*l.Hidden*l.Inputs:], l.Inputs)
		bias := make([]float32, gates*l.Hidden)
		for i := range bias {
			if len(l.B) > 0 {
				bias[i] = l.B[2*d*len(bias)+i] + l.B[(2*d+1)*len(bias)+i]
			}
		}
		m.packGates(bias, 1)
		m.packGates(l.R[d*gates*l.Hidden*l.Hidden:], l.Hidden)
		lanes := level.Lanes()
		for first := 0; first < l.Hidden; first += lanes {
			for p := range 3 {
				for unit := first; unit < first+lanes; unit++ {
					value := float32(0)
					if unit < l.Hidden && len(l.P) > 0 {
						value = l.P[(3*d+p)*l.Hidden+unit]
					}
					m.put(value)
				}
			}
		}
	}
	return m, nil
}

func (m *Model) put(value float32) {
	m.Packed = binary.LittleEndian.AppendUint32(m.Packed, math.Float32bits(value))
}

// packGates appends [4 hidden, columns] as [blocks of hidden units, columns, gates, lanes], padded with zeros.
func (m *Model) packGates(matrix []float32, columns int) {
	lanes := m.level.Lanes()
	m.Packed = slices.Grow(m.Packed, 4*m.paddedUnits()*gates*columns)
	for first := 0; first < m.hidden; first += lanes {
		for column := range columns {
			for gate := range gates {
				for unit := first; unit < first+lanes; unit++ {
					value := float32(0)
					if unit < m.hidden {
						value = matrix[(gate*m.hidden+unit)*columns+column]
					}
					m.put(value)
				}
			}
		}
	}
}

func (m *Model) paddedUnits() int {
	lanes := m.level.Lanes()
	return (m.hidden + lanes - 1) / lanes * lanes
}

// Strides says how a tensor of time steps lies in memory, in elements. The zero value means ONNX's layout 0.
type Strides struct {
	Step, Direction, Batch int // Direction counts for Y only
}

// Call says where one run reads and writes. All tensors are float32 but Lengths.
type Call struct {
	Steps, Batch int
	X            step.Operand // [Steps, Batch, inputs]
	XStrides     Strides
	Packed       step.Operand
	Lengths      step.Operand // sequence_lens int32 [Batch], or absent; values beyond 0 to Steps count as these
	InitialH     step.Operand // [directions, Batch, hidden], or absent
	InitialC     step.Operand // the same
	Y            step.Operand // [Steps, directions, Batch, hidden], or absent
	YStrides     Strides
	YH, YC       step.Operand // [directions, Batch, hidden], or absent
	Workspace    step.Operand // WorkspaceBytes, aligned to 64 bytes, between the two steps
}

// WorkspaceBytes returns the size of the memory that the two steps of a call share.
func (m *Model) WorkspaceBytes(steps, batch int) int {
	return 4 * m.directions * steps * batch * gates * m.paddedUnits()
}

// Plan gives the projection of all inputs and the recurrence.
func (m *Model) Plan(call Call) ([]step.Step, error) {
	row := gates * m.directions * max(m.paddedUnits(), m.inputs)
	if call.Steps < 1 || call.Batch < 1 || call.Steps > maxElements/row/call.Batch {
		return nil, fmt.Errorf("lstm: %d steps of %d sequences", call.Steps, call.Batch)
	}
	rows := call.Steps * call.Batch
	project, recur := m.newStep(call), m.newStep(call)
	project.Kernel, recur.Kernel = projectKernels[m.level], recurKernels[m.level]
	project.Parameter[parameterTileRows], recur.Parameter[parameterTileRows] = projectRows, recurRows
	project.Tiles = int64(m.directions * ((rows + projectRows - 1) / projectRows))
	recur.Tiles = int64(m.directions * ((call.Batch + recurRows - 1) / recurRows))
	multiplyAdds := int64(rows) * int64(m.directions*gates*m.paddedUnits())
	project.CostNS = multiplyAdds * int64(m.inputs) / 30
	recur.CostNS = multiplyAdds * int64(m.hidden+24) / 20
	recur.ScratchBytes = int64(3 * 4 * min(call.Batch, recurRows) * m.paddedUnits())
	project.Operand[0] = call.X
	for i, operand := range []step.Operand{call.Lengths, call.InitialH, call.InitialC, call.Y, call.YH, call.YC} {
		recur.Operand[3+i] = operand
	}
	return []step.Step{project, recur}, nil
}

// newStep fills what both steps have in common.
func (m *Model) newStep(call Call) step.Step {
	var s step.Step
	number := func(condition bool) int64 {
		if condition {
			return 1
		}
		return 0
	}
	x, y := call.XStrides, call.YStrides
	if x == (Strides{}) {
		x = Strides{Step: call.Batch * m.inputs, Batch: m.inputs}
	}
	if y == (Strides{}) {
		y = Strides{Step: m.directions * call.Batch * m.hidden, Direction: call.Batch * m.hidden, Batch: m.hidden}
	}
	s.Parameter[parameterSteps], s.Parameter[parameterBatch] = int64(call.Steps), int64(call.Batch)
	s.Parameter[parameterInputs], s.Parameter[parameterHidden] = int64(m.inputs), int64(m.hidden)
	s.Parameter[parameterDirections] = int64(m.directions)
	s.Parameter[parameterReverse], s.Parameter[parameterPeephole] = number(m.reverse), number(m.peephole)
	s.Parameter[parameterXStep], s.Parameter[parameterXBatch] = int64(x.Step), int64(x.Batch)
	s.Parameter[parameterYStep], s.Parameter[parameterYDirection], s.Parameter[parameterYBatch] = int64(y.Step), int64(y.Direction), int64(y.Batch)
	s.SetFloat(parameterClip, m.clip)
	s.Operand[1], s.Operand[2] = call.Packed, call.Workspace
	return s
}
