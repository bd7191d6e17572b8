package op

import (
	"math"

	"github.com/inferd/inferd/daemon/compiler/graph"
)

type costFunc = func(n *graph.Node) Cost

// CostOf estimates the work of a node whose shapes are known; unknown dimensions count as 1. Sums that overflow saturate.
func CostOf(n *graph.Node) Cost {
	bytes := graph.Int(0)
	for _, values := range [][]*graph.Value{n.Inputs, n.Outputs} {
		for _, v := range values {
			if v != nil {
				bytes = bytes.Add(graph.Int(elements(v)).Mul(graph.Int(v.DType.Size())))
			}
		}
	}
	cost := Cost{FLOP: outputElements(n)}
	if e, ok := lookup(n.Domain, n.Op); ok && e.Cost != nil {
		cost = e.Cost(n)
	}
	cost.Bytes, _ = bytes.Known()
	return cost
}

// elements is the product of the known dimensions.
func elements(v *graph.Value) int64 {
	count := graph.Int(1)
	for _, dim := range v.Shape {
		if _, known := dim.Known(); known {
			count = count.Mul(dim)
		}
	}
	size, _ := count.Known()
	return size
}

func outputElements(n *graph.Node) int64 {
	if v := n.Output(0); v != nil {
		return elements(v)
	}
	return 0
}

// times multiplies without overflow.
func times(factors ...int64) int64 {
	product := 1.0
	for _, f := range factors {
		product *= float64(f)
	}
	return int64(min(product, math.MaxInt64/2))
}

// sizeOf is a known dimension counted from the end (-1), or 1.
func sizeOf(v *graph.Value, fromEnd int) int64 {
	if at := len(v.Shape) + fromEnd; at >= 0 && at < len(v.Shape) {
		if size, known := v.Shape[at].Known(); known {
			return size
		}
	}
	return 1
}

func costInput(n *graph.Node) Cost     { return Cost{FLOP: elements(n.Inputs[0])} }
func costNormalize(n *graph.Node) Cost { return Cost{FLOP: times(8, elements(n.Inputs[0]))} }

func costMatMul(n *graph.Node) Cost {
	return Cost{FLOP: times(2, outputElements(n), sizeOf(n.Inputs[0], -1))}
}

func costGemm(n *graph.Node) Cost {
	inner := sizeOf(n.Inputs[0], -1)
	if n.Int("transA", 0) != 0 {
		inner = sizeOf(n.Inputs[0], -2)
	}
	return Cost{FLOP: times(2, outputElements(n), inner)}
}

func costFusedLinear(n *graph.Node) Cost { return costMatMul(n) }

// costConv: every output element is a product over the weights of its filter.
func costConv(n *graph.Node) Cost {
	filters, weights := int64(1), n.Inputs[weightsOf(n)]
	if len(weights.Shape) > 0 {
		filters = max(1, sizeOf(weights, -len(weights.Shape)))
	}
	return Cost{FLOP: times(2, outputElements(n), elements(weights)/filters)}
}

func costPool(n *graph.Node) Cost {
	window := int64(1)
	for _, size := range n.Ints("kernel_shape") {
		window = times(window, size)
	}
	return Cost{FLOP: times(window, outputElements(n))}
}

// costRecurrent: per step and sequence two matrix-vector products and the gates.
func costRecurrent(n *graph.Node) Cost {
	steps := times(sizeOf(n.Inputs[0], -3), sizeOf(n.Inputs[0], -2))
	return Cost{FLOP: times(2, steps, elements(n.Inputs[1])+elements(n.Inputs[2]))}
}

// costAttention: scores and weighted sum, each a product over all pairs of positions, and the softmax between.
func costAttention(n *graph.Node) Cost {
	q := n.Inputs[0]
	rows, keys, width := sizeOf(q, -3)*sizeOf(q, -2), sizeOf(q, -2), sizeOf(q, -1)
	if n.Int("packed", 0) != 0 {
		width /= 3
	} else if k := n.Input(1); k != nil {
		keys = sizeOf(k, -2)
	}
	return Cost{FLOP: times(rows, keys, 4*width+8*n.Int("heads", 1))}
}

func costChain(n *graph.Node) Cost {
	chain, _ := n.Attributes["chain"].(Chain)
	return Cost{FLOP: times(int64(len(chain)), outputElements(n))}
}

func costCoefficients(n *graph.Node) Cost {
	return Cost{FLOP: times(2, sizeOf(n.Inputs[0], -2), int64(len(n.Floats("coefficients"))))}
}

// costTrees: each row walks each tree from root to leaf; a tree of n nodes is about log2(n) deep.
func costTrees(n *graph.Node) Cost {
	nodes, trees := int64(0), int64(1)
	ids := n.Ints("nodes_treeids")
	for i, id := range ids {
		nodes++
		if i > 0 && id != ids[i-1] {
			trees++
		}
	}
	depth := int64(math.Log2(float64(nodes/trees + 1)))
	return Cost{FLOP: times(2, sizeOf(n.Inputs[0], -2), trees, depth)}
}
