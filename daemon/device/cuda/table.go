//go:build cuda

package cuda

import "github.com/inferd/inferd/daemon/compiler/graph"

// operatorKey names an operator.
type operatorKey struct{ domain, op string }

// selectors lists every operator that has a CUDA kernel.
var selectors = map[operatorKey]selector{
	{graph.DomainONNX, "Identity"}:  selectCopy,
	{graph.DomainONNX, "Reshape"}:   selectCopy,
	{graph.DomainONNX, "Flatten"}:   selectCopy,
	{graph.DomainONNX, "Squeeze"}:   selectCopy,
	{graph.DomainONNX, "Unsqueeze"}: selectCopy,
	{graph.DomainONNX, "Transpose"}: selectCopy,
	{graph.DomainONNX, "Expand"}:    selectCopy,
	{graph.DomainONNX, "Concat"}:    selectCopy,
	{graph.DomainONNX, "Split"}:     selectCopy,
	{graph.DomainONNX, "Slice"}:     selectCopy,
	{graph.DomainONNX, "Tile"}:      selectCopy,
	{graph.DomainONNX, "Gather"}:    selectGather,
	{graph.DomainONNX, "Pad"}:       selectPad,

	{graph.DomainONNX, "MaxPool"}:            selectPool,
	{graph.DomainONNX, "AveragePool"}:        selectPool,
	{graph.DomainONNX, "GlobalAveragePool"}:  selectGlobalPool,
	{graph.DomainONNX, "GlobalMaxPool"}:      selectGlobalPool,
	{graph.DomainFused, "MaxPool"}:           selectPool,
	{graph.DomainFused, "AveragePool"}:       selectPool,
	{graph.DomainFused, "GlobalAveragePool"}: selectGlobalPool,

	{graph.DomainONNX, "TopK"}:   selectTopK,
	{graph.DomainONNX, "CumSum"}: selectCumulativeSum,

	{graph.DomainONNX, "Softmax"}:    selectSoftmax,
	{graph.DomainONNX, "LogSoftmax"}: selectSoftmax,
}
