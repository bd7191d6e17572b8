package reference

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/tensor"
)

// tensorLimit bounds one result in bytes, so that a hostile model cannot exhaust the host's memory with one small attribute.
const tensorLimit = 4 << 30

// operator computes a node's outputs. It reports bad inputs by calling fail or by an index out of range; Evaluate turns both into errors.
type operator func(c *call) []*tensor.Tensor

// call is one evaluation of a node.
type call struct {
	*graph.Node
	inputs []*tensor.Tensor
}

// failure carries an error from deep inside an operator to Evaluate.
type failure struct{ err error }

// fail ends the evaluation with an error.
func fail(format string, args ...any) {
	panic(failure{fmt.Errorf(format, args...)})
}

// failData ends the evaluation with an error that is the fault of the elements of an input, not of its shape.
func failData(format string, args ...any) {
	panic(failure{&program.DataError{Reason: fmt.Sprintf(format, args...)}})
}

// divideByZero is what Go calls it when integers are divided by zero.
const divideByZero = "integer divide by zero"

// Evaluate computes the outputs of a node. Absent optional inputs are nil. Inputs are only read, but outputs may share their elements.
func Evaluate(n *graph.Node, inputs []*tensor.Tensor) (outputs []*tensor.Tensor, err error) {
	run, ok := table[name{n.Domain, n.Op}]
	if !ok {
		return nil, fmt.Errorf("%v: the reference device does not know the operator", n)
	}
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case failure:
			outputs, err = nil, fmt.Errorf("%v: %w", n, cause.err)
		case runtime.Error:
			if strings.Contains(cause.Error(), divideByZero) {
				outputs, err = nil, fmt.Errorf("%v: %w", n, &program.DataError{Reason: divideByZero})
				return
			}
			// An index or slice out of range, memory beyond the address space.
			outputs, err = nil, fmt.Errorf("%v: inputs %v do not fit the operator: %w", n, inputs, cause)
		case string: // a precondition of package tensor
			outputs, err = nil, fmt.Errorf("%v: inputs %v do not fit the operator: %s", n, inputs, cause)
		default:
			panic(cause)
		}
	}()
	for i, t := range inputs {
		if t != nil && t.DType != tensor.String && len(t.Data) == 0 && t.Elements() > 0 {
			fail("the elements of input %d (%v) are gone", i, t)
		}
	}
	return run(&call{n, inputs}), nil
}

// in returns input i, which the operator requires.
func (c *call) in(i int) *tensor.Tensor {
	if t := c.optional(i); t != nil {
		return t
	}
	fail("input %d is missing", i)
	return nil
}

// optional returns input i or nil. It hides Node.Input, whose values hold no elements.
func (c *call) optional(i int) *tensor.Tensor {
	if i < len(c.inputs) {
		return c.inputs[i]
	}
	return nil
}

// axis returns the attribute "axis" counted from the front.
func (c *call) axis(fallback int64, rank int) int {
	return normalAxis(c.Int("axis", fallback), rank)
}

// axes returns the axes that input i or the attribute "axes" names, counted from the front; nil where neither is there.
func (c *call) axes(i, rank int) []int {
	list := c.Ints("axes")
	if t := c.optional(i); t != nil {
		list = integers(t)
	}
	var axes []int
	for _, axis := range list {
		axes = append(axes, normalAxis(axis, rank))
	}
	return axes
}

func normalAxis(axis int64, rank int) int {
	if axis < 0 {
		axis += int64(rank)
	}
	if axis < 0 || axis >= int64(max(rank, 1)) {
		fail("axis %d is outside of rank %d", axis, rank)
	}
	return int(axis)
}

// newTensor returns a tensor of zeros, or fails where it would be too large.
func newTensor(dtype tensor.DType, shape []int64) *tensor.Tensor {
	size, err := tensor.ByteSize(dtype, shape)
	if err != nil {
		fail("%w", err)
	}
	if size > tensorLimit {
		fail("a result %s of %d bytes is beyond the limit of %d", tensor.Describe(dtype, shape), size, int64(tensorLimit))
	}
	return tensor.New(dtype, shape...)
}

func one(t *tensor.Tensor) []*tensor.Tensor { return []*tensor.Tensor{t} }
