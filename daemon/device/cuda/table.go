//go:build cuda

package cuda

import "github.com/inferd/inferd/daemon/compiler/graph"

// operatorKey names an operator.
type operatorKey struct{ domain, op string }

// selectors lists every operator that has a CUDA kernel.
var selectors = map[operatorKey]selector{
	{graph.DomainONNX, "Softmax"}:    selectSoftmax,
	{graph.DomainONNX, "LogSoftmax"}: selectSoftmax,

	{graph.DomainONNX, "MatMul"}:  selectMatMul,
	{graph.DomainONNX, "Gemm"}:    selectGemm,
	{graph.DomainFused, "Linear"}: selectLinear,
	{graph.DomainFused, "Conv"}:   selectConv,
}
