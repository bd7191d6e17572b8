// Package cuda holds the CUDA kernels: sources (.cu), the compiled fat binaries, and planners in Go that decide a launch from shapes.
//
// In: shapes, types, where operands lie. Out: launches (kernel, grid, block, arguments) in which only addresses are missing. A family of operators is
// three files: softmax.cu, softmax.go, softmax_test.go. It imports nothing of daemon, and needs neither a GPU nor a CUDA installation: tests run the same
// sources on the CPU (package emulation).
package cuda
