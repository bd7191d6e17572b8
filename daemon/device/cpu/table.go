package cpu

import "github.com/inferd/inferd/daemon/compiler/graph"

// operatorKey names an operator.
type operatorKey struct{ domain, op string }

// selectors lists every operator that has a CPU kernel.
var selectors = map[operatorKey]selector{
	{graph.DomainONNX, "Identity"}:  selectCopy,
	{graph.DomainONNX, "Reshape"}:   selectCopy,
	{graph.DomainONNX, "Flatten"}:   selectCopy,
	{graph.DomainONNX, "Squeeze"}:   selectCopy,
	{graph.DomainONNX, "Unsqueeze"}: selectCopy,
	{graph.DomainONNX, "Transpose"}: selectTranspose,
	{graph.DomainONNX, "Expand"}:    selectExpand,
	{graph.DomainONNX, "Concat"}:    selectConcat,
	{graph.DomainONNX, "Split"}:     selectSplit,
	{graph.DomainONNX, "Slice"}:     selectSlice,
	{graph.DomainONNX, "Gather"}:    selectGather,

	{graph.DomainFused, "Conv"}:   selectConv,
	{graph.DomainFused, "Linear"}: selectLinear,

	{graph.DomainML, "TreeEnsembleClassifier"}: selectTreeClassifier,
	{graph.DomainML, "TreeEnsembleRegressor"}:  selectTreeRegressor,
}
