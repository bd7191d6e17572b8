package cuda

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/inferd/inferd/kernels/cpu/lstm"
	"github.com/inferd/inferd/kernels/cpu/step"
)

const (
	// lstmUnits and lstmGates are kUnits and kGates in lstm.cu.
	lstmUnits, lstmGates = 4, 4
	// lstmResident bounds the weights that one block reads again at each step: what stays in the first-level cache.
	lstmResident = 128 << 10
	// lstmShared bounds the hidden state that a block keeps in shared memory.
	lstmShared = 48 << 10
)

// LSTM is ONNX's LSTM with its weights in the form that lstm.cu and the matrix product ahead of it read.
type LSTM struct {
	// Packed holds the weights; a device keeps a copy.
	Packed []byte

	typ                             Type
	inputs, hidden, directions      int64
	reverse, peephole               bool
	clip                            float32
	pitch                           int64 // of a row of W
	recurrent, bias, peepholeOffset int64 // where they begin
}

// PackLSTM checks the attributes and packs the weights. W and R are in elements of the type; in l they count as their values, whose number is checked.
func PackLSTM(t Type, l *lstm.LSTM, w, r []byte) (*LSTM, error) {
	directions, err := l.Check()
	if err != nil {
		return nil, err
	}
	if !t.IsFloat() {
		return nil, unsupported("an LSTM of %v", t)
	}
	m := &LSTM{
		typ: t, inputs: int64(l.Inputs), hidden: int64(l.Hidden), directions: int64(directions), reverse: l.Direction == "reverse", peephole: len(l.P) > 0, clip: l.Clip,
	}
	if m.clip == 0 {
		m.clip = float32(math.Inf(1))
	}
	m.packInputs(w)
	m.recurrent = m.align()
	m.packRecurrent(r)
	m.bias = m.align()
	m.packBias(l.B)
	m.peepholeOffset = m.align()
	for _, value := range l.P {
		m.put(value)
	}
	m.align()
	return m, nil
}

func (m *LSTM) align() int64 {
	m.Packed = append(m.Packed, make([]byte, -len(m.Packed)&(wideBytes-1))...)
	return int64(len(m.Packed))
}

func (m *LSTM) put(value float32) {
	m.Packed = binary.LittleEndian.AppendUint32(m.Packed, math.Float32bits(value))
}

// columns is the number of columns of the product: the gates of all units of all directions.
func (m *LSTM) columns() int64 { return m.directions * m.hidden * lstmGates }

// row is the row of W, or of R, whose column in the product is given: there the gates of a unit lie side by side.
func (m *LSTM) row(column int64) int64 {
	unit, gate := column/lstmGates%m.hidden, column%lstmGates
	return column/lstmGates/m.hidden*lstmGates*m.hidden + gate*m.hidden + unit
}

// packInputs lays W out as the product wants its right operand.
func (m *LSTM) packInputs(w []byte) {
	size := m.typ.Size()
	if product := m.product(0); product.WantsColumns() {
		m.pitch = m.columns()
		for k := range m.inputs {
			for column := range m.columns() {
				at := (m.row(column)*m.inputs + k) * size
				m.Packed = append(m.Packed, w[at:at+size]...)
			}
		}
		return
	}
	m.pitch = divide(m.inputs*size, wideBytes) * wideBytes / size
	for column := range m.columns() {
		at := m.row(column) * m.inputs * size
		m.Packed = append(m.Packed, w[at:at+m.inputs*size]...)
		m.Packed = append(m.Packed, make([]byte, (m.pitch-m.inputs)*size)...)
	}
}

// packRecurrent lays R out as [directions, groups of units, hidden, units, gates].
func (m *LSTM) packRecurrent(r []byte) {
	size := m.typ.Size()
	for direction := range m.directions {
		for first := int64(0); first < m.hidden; first += lstmUnits {
			for k := range m.hidden {
				for unit := first; unit < first+lstmUnits; unit++ {
					for gate := range int64(lstmGates) {
						at := (((direction*lstmGates+gate)*m.hidden+unit)*m.hidden + k) * size
						if unit < m.hidden {
							m.Packed = append(m.Packed, r[at:at+size]...)
						} else {
							m.Packed = append(m.Packed, make([]byte, size)...)
						}
					}
				}
			}
		}
	}
}

// packBias adds up the two biases that ONNX has, [directions, 8 hidden].
func (m *LSTM) packBias(b []float32) {
	half := lstmGates * m.hidden
	for column := range m.columns() {
		direction, row := m.row(column)/half, m.row(column)%half
		if len(b) == 0 {
			m.put(0)
			continue
		}
		m.put(b[2*direction*half+row] + b[(2*direction+1)*half+row])
	}
}

// LSTMCall says where an LSTM reads and writes; elements are of the LSTM's type but for the lengths. All but X may be absent.
type LSTMCall struct {
	Steps, Batch       int64
	X                  step.Operand // [Steps, Batch, inputs]
	Packed             step.Operand
	Lengths            step.Operand // int32 [Batch]
	InitialH, InitialC step.Operand // [directions, Batch, hidden]
	Y                  step.Operand // [Steps, directions, Batch, hidden]
	YH, YC             step.Operand // [directions, Batch, hidden]
	Workspace          step.Operand // WorkspaceBytes
	Processors         int64        // multiprocessors of the device; 0: 128
}

// lstmArguments mirrors LstmArguments.
type lstmArguments struct {
	inputs, recurrent, bias, peephole, lengths, initialH, initialC, stateH, stateC, y, yH, yC address
	batch, hidden                                                                             int64
	steps, firstStep, lastStep, directions, reverse, groups, groupBlocks                      int32
	clip                                                                                      float32
}

// states is the number of hidden values of all directions.
func (m *LSTM) states(batch int64) int64 { return m.directions * batch * m.hidden }

// inputBytes is the size of what the inputs contribute to the gates.
func (m *LSTM) inputBytes(steps, batch int64) int64 {
	return divide(steps*batch*m.columns()*m.typ.Size(), 256) * 256
}

// WorkspaceBytes returns the memory that the launches of a call share: the inputs' part of the gates, two hidden states and the cells'.
func (m *LSTM) WorkspaceBytes(steps, batch int64) int64 {
	return m.inputBytes(steps, batch) + 3*4*m.states(batch)
}

// product is what the inputs of all steps contribute, which has no dependence in time.
func (m *LSTM) product(processors int64) Gemm {
	g := Gemm{Type: m.typ, N: m.columns(), K: m.inputs, Batch: [3]int64{1, 1, 1}, Multiprocessors: processors}
	g.Alpha = 1
	g.A, g.C = GemmMatrix{Row: m.inputs, Column: 1}, GemmMatrix{Row: m.columns(), Column: 1}
	g.B = GemmMatrix{Row: 1, Column: m.pitch}
	if g.WantsColumns() {
		g.B = GemmMatrix{Row: m.pitch, Column: 1}
	}
	return g
}

// Plan returns a product and the recurrence; no launch where there are no sequences.
func (m *LSTM) Plan(call LSTMCall) ([]Launch, error) {
	if call.Batch == 0 {
		return nil, nil
	}
	if call.Steps == 0 || call.Steps > math.MaxInt32/2 {
		return nil, unsupported("an LSTM of %d steps", call.Steps)
	}
	if call.Processors == 0 {
		call.Processors = 128
	}
	product := m.product(call.Processors)
	product.M = call.Steps * call.Batch
	product.A.Operand, product.B.Operand, product.C.Operand = call.X, call.Packed, call.Workspace
	launches, err := product.Plan()
	if err != nil {
		return nil, err
	}
	recurrence, err := m.recurrence(call)
	return append(launches, recurrence...), err
}

// recurrence is one launch where one block reads all weights again at each step, else one for each step. Neither changes a bit.
func (m *LSTM) recurrence(call LSTMCall) ([]Launch, error) {
	rows := int64(0) // sequences of a block
	for _, count := range []int64{1, 4, 8} {
		if rows < call.Batch && 4*count*m.hidden <= lstmShared {
			rows = count
		}
	}
	if rows == 0 {
		return nil, unsupported("an LSTM of %d hidden units", m.hidden)
	}
	groups, size := divide(m.hidden, lstmUnits), m.typ.Size()
	threads, blocks, each := min(groups*warp, 512), int64(1), call.Steps
	if lstmGates*m.hidden*m.hidden*size > lstmResident {
		threads = 128
		blocks, each = divide(groups, threads/warp), 1
	}
	grid := m.directions * divide(call.Batch, rows) * blocks
	if grid > maxGrid {
		return nil, unsupported("an LSTM of %d sequences", call.Batch)
	}
	at := func(o step.Operand, offset int64) step.Operand {
		o.Offset += offset
		return o
	}
	peephole, h := step.Operand{}, m.inputBytes(call.Steps, call.Batch)
	if m.peephole {
		peephole = at(call.Packed, m.peepholeOffset)
	}
	var list []Launch
	for first := int64(0); first < call.Steps; first += each {
		l := newLaunch("lstm", fmt.Sprintf("lstm_%v_%d", m.typ, rows), grid1(grid), grid1(threads), int(4*rows*m.hidden), lstmArguments{
			batch: call.Batch, hidden: m.hidden, steps: int32(call.Steps), firstStep: int32(first), lastStep: int32(first + each),
			directions: int32(m.directions), reverse: flag(m.reverse), groups: int32(groups), groupBlocks: int32(blocks), clip: m.clip,
		}, call.Workspace, at(call.Packed, m.recurrent), at(call.Packed, m.bias), peephole, call.Lengths, call.InitialH, call.InitialC,
			at(call.Workspace, h), at(call.Workspace, h+2*4*m.states(call.Batch)), call.Y, call.YH, call.YC)
		l.FLOP = each * m.states(call.Batch) * lstmGates * (2*m.hidden + 10)
		l.Bytes = m.columns()*m.hidden*size + each*m.states(call.Batch)*((lstmGates+1)*size+3*4)
		list = append(list, l)
	}
	return list, nil
}
