// Package lstm runs ONNX's LSTM in float32: forward, reverse and bidirectional, with the default activations (sigmoid, tanh, tanh).
//
// In: the weights as Go slices, which Compile packs, and where the operands of a call lie. Out: two steps. The first
// multiplies the inputs of all time steps with W, which has no dependence in time; the second runs the recurrence, a tile
// for each direction and group of sequences, with the gates fused into the multiplication by R.
package lstm
