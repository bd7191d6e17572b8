//go:build cuda

// Package cublas computes matrix products with NVIDIA's cuBLASLt, where that is installed.
//
// In: a product's shapes, types and epilogue; at run time the library, which is loaded at the first use and needed neither to build nor to start; addresses on an
// open device of package cuda. Out: a record and a function that a cuda.Sequence calls. It imports nothing of daemon.
//
// # How an algorithm is chosen
//
// The library lists the algorithms that its heuristics like for a product, best guess first. Each is run once to load it and once for the clock, on memory of its
// own, and the fastest is kept for as long as the handle lives, and in a file where the caller names one. Nothing is chosen while requests wait.
//
// # What is not promised
//
// A row of a product may have other bits in a batch of another size. For another number of rows another algorithm may be the fastest one, and algorithms
// add in different orders: other instructions, other tiles, another split of the inner dimension. The library promises the same bits only for the same call on
// the same kind of device. Splits that add in the type of the output are left out, which keeps float16 as accurate as one sum, but not the same. Whoever needs a
// row's bits to be independent of its company computes the product with kernels/cuda.
//
// float32 is computed in float32, unless the product allows TensorFloat32 (10 bits of fraction in the factors).
package cublas
