// Package reference is the device that runs every operator in plain Go: the fallback for operators without a fast kernel, the
// compiler's constant folder, and the peer that other devices are read against.
//
// In: a node and its input tensors. Out: its output tensors. Sums and elementary functions are computed in float64 and rounded once
// to the element type; integers are computed in 64 bits and wrap as the element type does. Operators come in the form of the newest
// operator set. A file holds an operator family and table.go lists every operator once.
package reference
