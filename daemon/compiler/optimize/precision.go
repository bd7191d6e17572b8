package optimize

import (
	"fmt"
	"slices"
	"strings"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
)

// Precision is the element type in which a device computes what a model states in floating point.
type Precision int

const (
	// AsStated is that of the model: one that is exported in float16 runs in float16 where the device has kernels for it.
	AsStated Precision = iota
	// Float32 computes in float32 exactly.
	Float32
	// TF32 multiplies float32 numbers that are rounded to 10 bits of fraction, and adds in float32.
	TF32
	// Float16 keeps tensors in float16; sums are in float32.
	Float16
	// BFloat16 keeps tensors in bfloat16; sums are in float32.
	BFloat16
)

// precisions are the names that configurations and flags use.
var precisions = [...]string{AsStated: "model", Float32: "fp32", TF32: "tf32", Float16: "fp16", BFloat16: "bf16"}

// PrecisionNames lists the names that ParsePrecision knows.
func PrecisionNames() []string { return precisions[:] }

// ParsePrecision returns the precision of a name, in capitals or not; "" is AsStated.
func ParsePrecision(name string) (Precision, error) {
	if name == "" {
		return AsStated, nil
	}
	if i := slices.Index(precisions[:], strings.ToLower(name)); i >= 0 {
		return Precision(i), nil
	}
	return AsStated, fmt.Errorf("%q is no precision, want one of %s", name, strings.Join(precisions[:], ", "))
}

// String is the precision's name.
func (p Precision) String() string { return precisions[p] }

// elements is the element type that tensors have, or Undefined for AsStated.
func (p Precision) elements() tensor.DType {
	return [...]tensor.DType{tensor.Undefined, tensor.Float32, tensor.Float32, tensor.Float16, tensor.BFloat16}[p]
}

// Fusions know float32 only, and so do the CPU's kernels: a graph is widened before them, and narrowed behind them where the device has kernels for it.
var (
	widening  = pass{"widen to float32", widen}
	narrowing = []pass{
		{"narrow", narrow}, {"allow TF32", each(allowTF32)}, {"merge casts", each(mergeCast)}, {"narrow quantised products", each(narrowQuantized)},
		{"merge common nodes", mergeCommon}, {"remove dead nodes", removeDead},
	}
)

// Operators whose floating-point inputs and outputs are all of one type, and whose results hardly depend on which it is.
var (
	// heavy operators are worth the casts around them.
	heavy = []string{"MatMul", "Gemm", "Conv"}
	// light operators follow what they read. Casts are among them.
	light = slices.Concat(pointwise, broadcasting, []string{
		"Sum", "Mean", "Softmax", "LogSoftmax", "LayerNormalization", "RMSNormalization", "GroupNormalization", "InstanceNormalization", "BatchNormalization",
		"MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "ReduceMax", "ReduceMin", "ReduceMean", "ArgMax", "ArgMin", "Identity", "Reshape",
		"Flatten", "Squeeze", "Unsqueeze", "Transpose", "Expand", "Concat", "Split", "Slice", "Gather", "Pad", "Resize", "Tile", "TopK",
	})
	// growing operators may leave the range of float16, or lose digits that matter behind them; the choice is that of PyTorch's autocast.
	growing = []string{
		"Exp", "Log", "Pow", "Reciprocal", "Softplus", "Sinh", "Cosh", "Tan", "ReduceSum", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp",
		"ReduceSumSquare", "CumSum", "LpNormalization", "LRN",
	}
	recurrent = []string{"LSTM", "GRU", "RNN"}
)

// widen computes in float32 what a model states in float16 or bfloat16. Inputs and outputs of the graph keep their types.
func widen(s *state) (int, error) {
	if !s.target.Fuses(op.FusedElementwise) {
		return 0, nil // this device is slow and exact
	}
	sum := 0
	for _, from := range []tensor.DType{tensor.Float16, tensor.BFloat16} {
		takes := func(n *graph.Node) bool {
			return isONNX(n, heavy...) || isONNX(n, light...) || isONNX(n, growing...) || isONNX(n, recurrent...)
		}
		changes, err := s.convert(from, tensor.Float32, takes)
		if err != nil {
			return sum, err
		}
		if changes > 0 && s.stated == tensor.Undefined {
			s.stated = from
		}
		sum += changes
	}
	return sum, nil
}

// narrow keeps tensors in the narrow type that was asked for, or that the model is in.
func narrow(s *state) (int, error) {
	to := s.target.Precision.elements()
	if to == tensor.Undefined {
		to = s.stated
	}
	if to != tensor.Float16 && to != tensor.BFloat16 || !s.target.Narrow {
		return 0, nil
	}
	return s.convert(tensor.Float32, to, narrowable(to))
}

// narrowable tells which nodes narrow: those that are worth a cast, and those that read what is narrow already.
func narrowable(to tensor.DType) func(n *graph.Node) bool {
	return func(n *graph.Node) bool {
		if n.Domain == graph.DomainFused && n.Op == op.FusedElementwise {
			return readsType(n, to) && chainNarrows(n)
		}
		if fusedHeavy(n) || isONNX(n, heavy...) {
			return true
		}
		if n.Domain == graph.DomainFused && (n.Op == op.FusedQuantizedLinear || n.Op == op.FusedQuantizedConv) {
			return false // scales have to be exact
		}
		follows := n.Domain == graph.DomainFused || isONNX(n, light...) && !isONNX(n, growing...) && !isONNX(n, "Cast")
		return follows && readsType(n, to)
	}
}

// fusedHeavy reports whether the node is one of our own operators that multiply matrices.
func fusedHeavy(n *graph.Node) bool {
	return n.Domain == graph.DomainFused && (n.Op == op.FusedLinear || n.Op == op.FusedConv || n.Op == op.FusedAttention)
}

// chainNarrows reports whether the chain computes with floats alone, and stays within the range of float16 where its inputs do.
func chainNarrows(n *graph.Node) bool {
	chain, _ := n.Attributes["chain"].(op.Chain)
	if len(chain) == 0 || slices.Contains(growing, chain[len(chain)-1].Op) {
		return false
	}
	for _, v := range n.Inputs {
		if v != nil && !v.DType.IsFloat() && v.DType != tensor.Bool {
			return false
		}
	}
	return !slices.ContainsFunc(chain, func(i op.ChainInstruction) bool { return i.Op == "Cast" })
}

// readsType reports whether the node reads a tensor that is in the type, or was before a cast.
func readsType(n *graph.Node, dtype tensor.DType) bool {
	return slices.ContainsFunc(n.Inputs, func(v *graph.Value) bool {
		return v != nil && v.Producer != nil && (v.DType == dtype || castFrom(v, dtype) != nil)
	})
}

// castFrom returns what a cast made the value of, where that is of the type.
func castFrom(v *graph.Value, dtype tensor.DType) *graph.Value {
	if cast := producer(v, "Cast"); cast != nil && cast.Input(0).DType == dtype {
		return cast.Input(0)
	}
	return nil
}

// allowTF32 marks what may be multiplied with fewer bits.
func allowTF32(e *editor, n *graph.Node) error {
	if e.target.Precision == TF32 && e.target.Narrow && fusedHeavy(n) {
		n.Attributes = n.Attributes.With("tf32", int64(1))
		e.changes++
	}
	return nil
}

// mergeCast reads past a Cast that lost nothing: from a narrow type to float32.
func mergeCast(e *editor, n *graph.Node) error {
	if !isONNX(n, "Cast") {
		return nil
	}
	inner := producer(n.Input(0), "Cast")
	if inner == nil || n.Input(0).DType != tensor.Float32 {
		return nil
	}
	source := inner.Input(0)
	if source.DType != tensor.Float16 && source.DType != tensor.BFloat16 {
		return nil
	}
	if source.DType == n.Output(0).DType {
		e.replace(n.Output(0), source)
		return nil
	}
	e.setInput(n, 0, source)
	return nil
}
