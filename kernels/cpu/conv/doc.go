// Package conv plans two-dimensional convolutions of float32 tensors in NHWC layout and holds their kernels.
//
// In: the layer (Params), its weights and bias (OIHW, as ONNX stores them), and later concrete sizes and places. Out: weights
// packed for one instruction set (Layout), and a step that computes the layer with residual and activation fused. A Layout does not
// depend on batch, height or width, except that Choose uses a typical size to decide between algorithms, so the programs
// for several batch sizes of one model version share one packed copy.
//
// Pixels may lie further apart than they have channels (InputStride, OutputStride, ResidualStride), so that a slice or a concatenation
// along the channels needs no copy. Results do not depend on batch, tiles or threads, bit for bit.
package conv
