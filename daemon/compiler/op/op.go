// Package op knows the operators: which versions exist, how many inputs they take, which attributes, how types, shapes and small
// integer contents follow from their inputs, how a batch axis passes through them, and what they cost.
//
// In: nodes of package graph. Out: the same nodes with the types, shapes and contents of their outputs filled in. It computes no
// element of a large tensor; devices do. A file holds an operator family, and table.go lists every operator once.
package op

import (
	"github.com/inferd/inferd/daemon/compiler/graph"
)

// Variadic marks an operator without an upper limit of inputs or outputs.
const Variadic = -1

// Operator describes one operator. Nodes reach it in the form of the newest version that inferd knows: package onnx rewrites older
// forms (for instance axes as attributes) while importing.
type Operator struct {
	Domain, Name string
	// MinVersion and MaxVersion bound the operator-set versions whose nodes are understood.
	MinVersion, MaxVersion int
	MinInputs, MaxInputs   int
	MinOutputs, MaxOutputs int
	// Attributes lists the attributes and their kinds, for instance "axis:int perm:ints". Nodes with others are refused.
	Attributes string
	// Infer checks the node and sets DType, Shape and, where it can, Content and Affine of its outputs. Unknown dimensions become
	// fresh symbols of the graph. Errors name the node and the input or attribute at fault.
	Infer func(g *graph.Graph, n *graph.Node) error
	// Batch says where the batch axis of each output is, given that of each input; it fails, with the reason, where a row of the output
	// depends on more than its own row of the inputs. It is called only where some input has a batch axis.
	Batch func(n *graph.Node, in []BatchAxis, batch graph.Dim) ([]BatchAxis, error)
	// ShapeInputs are inputs of which only the Content counts: they tell shapes and positions, and must not depend on a request's data.
	ShapeInputs []int
	// Cost estimates the work for known shapes. Nil means that every output element costs one operation.
	Cost func(n *graph.Node) Cost
}

// BatchAxis says along which axis of a value the requests of a batch are laid out: request r holds the r-th of equal parts of the
// axis (the axis may be batch times something, batch outermost). NoBatch marks a value that is the same for every request.
type BatchAxis int

// NoBatch is the axis of a value that does not depend on the requests.
const NoBatch BatchAxis = -1

// Cost is an estimate of an operator's work.
type Cost struct {
	FLOP  int64 // floating-point operations, a multiply-add being two
	Bytes int64 // read and written at least
}
