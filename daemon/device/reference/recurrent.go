package reference

import (
	"math"
	"strings"

	"github.com/inferd/inferd/daemon/tensor"
)

// recurrent holds what LSTM, GRU and RNN share: X as [sequence, batch, input], and per direction W[gates*hidden, input],
// R[gates*hidden, hidden] and the bias of length 2*gates*hidden (input part, then recurrent part).
type recurrent struct {
	c                                  *call
	sequence, batch, inputSize, hidden int64
	directions, gates                  int64
	reversed                           []bool
	x, w, r, bias                      []float64
	lengths                            []int64
	clip                               float64
	activations                        [][]func(float64) float64 // by direction
	batchFirst                         bool
}

func newRecurrent(c *call, gates int64, defaults ...string) *recurrent {
	x, w := c.in(0), c.in(1)
	m := &recurrent{c: c, gates: gates, w: floats(w), r: floats(c.in(2)), x: floats(x), directions: w.Shape[0],
		hidden: c.in(2).Shape[2], inputSize: w.Shape[2], batchFirst: c.Int("layout", 0) != 0}
	m.sequence, m.batch = x.Shape[0], x.Shape[1]
	if m.batchFirst {
		m.sequence, m.batch = m.batch, m.sequence
		m.x = swapped(m.x, m.batch, m.sequence, m.inputSize)
	}
	if x.Shape[2] != m.inputSize || w.Shape[1] != gates*m.hidden || c.in(2).Shape[1] != gates*m.hidden {
		fail("weights %v and %v do not fit the input %v", w, c.in(2), x)
	}
	m.bias = make([]float64, m.directions*2*gates*m.hidden)
	if b := c.optional(3); b != nil {
		m.bias = floats(b)
	}
	m.lengths = make([]int64, m.batch)
	fillInts(m.lengths, m.sequence)
	if given := c.optional(4); given != nil {
		m.lengths = integers(given)
		for _, length := range m.lengths {
			if length < 0 || length > m.sequence {
				failData("sequence length %d is outside of [0, %d]", length, m.sequence)
			}
		}
	}
	m.clip = float64(c.Float("clip", 0))
	m.setDirections()
	m.setActivations(defaults)
	return m
}

func (m *recurrent) setDirections() {
	direction := m.c.Text("direction", "forward")
	switch direction {
	case "forward", "reverse":
		m.reversed = []bool{direction == "reverse"}
	case "bidirectional":
		m.reversed = []bool{false, true}
	default:
		fail("unknown direction %q", direction)
	}
	if int64(len(m.reversed)) != m.directions {
		fail("weights of %d directions for direction %q", m.directions, direction)
	}
}

// setActivations takes alphas and betas in order, by those activations that have any.
func (m *recurrent) setActivations(defaults []string) {
	names := m.c.Texts("activations")
	alphas, betas := m.c.Floats("activation_alpha"), m.c.Floats("activation_beta")
	next := func(list *[]float32, fallback float64) float64 {
		if len(*list) == 0 {
			return fallback
		}
		first := float64((*list)[0])
		*list = (*list)[1:]
		return first
	}
	for d := range m.directions {
		var functions []func(float64) float64
		for i := range defaults {
			name := defaults[i]
			if names != nil {
				name = names[int(d)*len(defaults)+i]
			}
			functions = append(functions, gateActivation(name, func(fallback float64) float64 { return next(&alphas, fallback) },
				func(fallback float64) float64 { return next(&betas, fallback) }))
		}
		m.activations = append(m.activations, functions)
	}
}

func gateActivation(name string, alpha, beta func(fallback float64) float64) func(float64) float64 {
	switch strings.ToLower(name) {
	case "sigmoid":
		return sigmoid
	case "tanh":
		return math.Tanh
	case "relu":
		return relu
	case "softsign":
		return softsign
	case "softplus":
		return softplus
	case "affine":
		a, b := alpha(1), beta(0)
		return func(x float64) float64 { return a*x + b }
	case "scaledtanh":
		a, b := alpha(1), beta(1)
		return func(x float64) float64 { return a * math.Tanh(b*x) }
	case "hardsigmoid":
		return hardSigmoid(alpha(0.2), beta(0.5))
	case "leakyrelu":
		return leakyRelu(alpha(0.01), 0)
	case "thresholdedrelu":
		return thresholdedRelu(alpha(1), 0)
	case "elu":
		return elu(alpha(1), 0)
	}
	fail("unknown activation %q", name)
	return nil
}

// swapped exchanges the first two axes of [a, b, size].
func swapped(values []float64, a, b, size int64) []float64 {
	out := make([]float64, 0, len(values))
	for j := range b {
		for i := range a {
			out = append(out, values[(i*b+j)*size:][:size]...)
		}
	}
	return out
}

// state returns the optional initial state of input i as [directions, batch, hidden].
func (m *recurrent) state(i int) []float64 {
	t := m.c.optional(i)
	if t == nil {
		return make([]float64, m.directions*m.batch*m.hidden)
	}
	if t.Elements() != m.directions*m.batch*m.hidden {
		fail("the initial state %v does not fit %d directions, batch %d, hidden size %d", t, m.directions, m.batch, m.hidden)
	}
	if m.batchFirst {
		return swapped(floats(t), m.batch, m.directions, m.hidden)
	}
	return floats(t)
}

// gate returns w*x + r*h + bias of one unit of one gate, clipped.
func (m *recurrent) gate(d, gate, unit int64, x, h []float64) float64 {
	row := d*m.gates*m.hidden + gate*m.hidden + unit
	biases := m.bias[d*2*m.gates*m.hidden+gate*m.hidden+unit:]
	return dot(m.w[row*m.inputSize:], x) + dot(m.r[row*m.hidden:], h) + biases[0] + biases[m.gates*m.hidden]
}

func (m *recurrent) clipped(x float64) float64 {
	if m.clip > 0 {
		return min(max(x, -m.clip), m.clip)
	}
	return x
}

// dot multiplies as many elements as b has.
func dot(a, b []float64) float64 {
	sum := 0.0
	for i, y := range b {
		sum += a[i] * y
	}
	return sum
}

// run calls cell for every step of every sequence; it returns the new hidden state from x and the old one, whose memory it may not keep.
// It returns Y as [sequence, directions, batch, hidden] and leaves the last states in h.
func (m *recurrent) run(h []float64, cell func(d, b int64, x, h []float64) []float64) []float64 {
	y := make([]float64, m.sequence*m.directions*m.batch*m.hidden)
	for d := range m.directions {
		for b := range m.batch {
			state := h[(d*m.batch+b)*m.hidden:][:m.hidden]
			for i := range m.lengths[b] {
				s := i
				if m.reversed[d] {
					s = m.lengths[b] - 1 - i
				}
				copy(state, cell(d, b, m.x[(s*m.batch+b)*m.inputSize:][:m.inputSize], state))
				copy(y[((s*m.directions+d)*m.batch+b)*m.hidden:], state)
			}
			if m.lengths[b] == 0 {
				fill(state, 0)
			}
		}
	}
	return y
}

// outputs shapes Y and the last states.
func (m *recurrent) outputs(y []float64, states ...[]float64) []*tensor.Tensor {
	dtype := m.c.in(0).DType
	shape := []int64{m.sequence, m.directions, m.batch, m.hidden}
	stateShape := []int64{m.directions, m.batch, m.hidden}
	if m.batchFirst {
		y = swapped(swappedInner(y, m), m.sequence, m.batch, m.directions*m.hidden)
		shape = []int64{m.batch, m.sequence, m.directions, m.hidden}
		stateShape = []int64{m.batch, m.directions, m.hidden}
	}
	results := one(fromFloats(dtype, shape, y))
	for _, state := range states {
		if m.batchFirst {
			state = swapped(state, m.directions, m.batch, m.hidden)
		}
		results = append(results, fromFloats(dtype, stateShape, state))
	}
	return results
}

// swappedInner turns [sequence, directions, batch, hidden] into [sequence, batch, directions, hidden].
func swappedInner(y []float64, m *recurrent) []float64 {
	size := m.directions * m.batch * m.hidden
	var out []float64
	for s := range m.sequence {
		out = append(out, swapped(y[s*size:(s+1)*size], m.directions, m.batch, m.hidden)...)
	}
	return out
}

// lstm has the gates input, output, forget, cell, in this order in the weights; P holds peepholes for the first three.
func lstm(c *call) []*tensor.Tensor {
	m := newRecurrent(c, 4, "Sigmoid", "Tanh", "Tanh")
	h, cells := m.state(5), m.state(6)
	peepholes := make([]float64, m.directions*3*m.hidden)
	if p := c.optional(7); p != nil {
		peepholes = floats(p)
	}
	coupled := c.Int("input_forget", 0) != 0
	y := m.run(h, func(d, b int64, x, old []float64) []float64 {
		next := make([]float64, m.hidden)
		memory := cells[(d*m.batch+b)*m.hidden:][:m.hidden]
		f, g, out := m.activations[d][0], m.activations[d][1], m.activations[d][2]
		p := peepholes[d*3*m.hidden:]
		for u := range m.hidden {
			input := f(m.clipped(m.gate(d, 0, u, x, old) + p[u]*memory[u]))
			forget := 1 - input
			if !coupled {
				forget = f(m.clipped(m.gate(d, 2, u, x, old) + p[2*m.hidden+u]*memory[u]))
			}
			candidate := g(m.clipped(m.gate(d, 3, u, x, old)))
			memory[u] = forget*memory[u] + input*candidate
			output := f(m.clipped(m.gate(d, 1, u, x, old) + p[m.hidden+u]*memory[u]))
			next[u] = output * out(memory[u])
		}
		return next
	})
	m.clearEmpty(cells)
	return m.outputs(y, h, cells)
}

// clearEmpty zeroes the states of sequences without elements, as run does with the hidden ones.
func (m *recurrent) clearEmpty(states []float64) {
	for d := range m.directions {
		for b, length := range m.lengths {
			if length == 0 {
				fill(states[(d*m.batch+int64(b))*m.hidden:][:m.hidden], 0)
			}
		}
	}
}

// gru has the gates update, reset, hidden.
func gru(c *call) []*tensor.Tensor {
	m := newRecurrent(c, 3, "Sigmoid", "Tanh")
	h := m.state(5)
	linearFirst := c.Int("linear_before_reset", 0) != 0
	zero := make([]float64, m.hidden)
	y := m.run(h, func(d, _ int64, x, old []float64) []float64 {
		next, reset := make([]float64, m.hidden), make([]float64, m.hidden)
		f, g := m.activations[d][0], m.activations[d][1]
		scaled := make([]float64, m.hidden)
		for u := range m.hidden {
			reset[u] = f(m.clipped(m.gate(d, 1, u, x, old)))
			scaled[u] = reset[u] * old[u]
		}
		for u := range m.hidden {
			update := f(m.clipped(m.gate(d, 0, u, x, old)))
			candidate := m.gate(d, 2, u, x, scaled)
			if linearFirst {
				inputPart := m.gate(d, 2, u, x, zero) - m.recurrentBias(d, 2, u)
				candidate = inputPart + reset[u]*(m.gate(d, 2, u, x, old)-inputPart)
			}
			next[u] = (1-update)*g(m.clipped(candidate)) + update*old[u]
		}
		return next
	})
	return m.outputs(y, h)
}

// recurrentBias is the part of the bias that belongs to the hidden state.
func (m *recurrent) recurrentBias(d, gate, unit int64) float64 {
	return m.bias[(d*2+1)*m.gates*m.hidden+gate*m.hidden+unit]
}

// rnn has one gate.
func rnn(c *call) []*tensor.Tensor {
	m := newRecurrent(c, 1, "Tanh")
	h := m.state(5)
	y := m.run(h, func(d, _ int64, x, old []float64) []float64 {
		next := make([]float64, m.hidden)
		for u := range m.hidden {
			next[u] = m.activations[d][0](m.clipped(m.gate(d, 0, u, x, old)))
		}
		return next
	})
	return m.outputs(y, h)
}
