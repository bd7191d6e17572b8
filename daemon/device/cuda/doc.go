// Package cuda is the device that runs programs on an NVIDIA GPU, with the kernels of kernels/cuda and cuBLASLt.
//
// In: nodes with known shapes, and the version's constants. Out: executors, which submit a whole batch with one call of the driver. A file holds the choice of
// kernels for one operator family; table.go lists every operator once. It is built with the tag cuda only.
//
// # Memory and order
//
// A device has a few slots. A slot is a stream, an arena on the device and pinned memory on the host, both as large as the largest program needs. A program
// is prepared once for each slot: its copies in, kernels and copies out, resolved to that slot's addresses, become one CUDA graph. Runs in different slots
// overlap: one copies while another computes. Memory is allocated and graphs are captured while programs are compiled, never while requests wait.
//
// # A program that is not for the GPU alone
//
// An operator without a kernel here splits the program into stages. Between them a goroutine of the run waits for the device, runs the host's stage on the CPU,
// and goes on. The compiler has planned what is copied, and when.
//
// # Matrix products
//
// They are cuBLASLt's, where that is installed and can do all of a product with its epilogue, and those of kernels/cuda otherwise. Which algorithm is fastest is
// found out while a program is compiled. A row's bits may then depend on how many rows there are, because that decides the algorithm; with
// Options.Deterministic our own kernels compute every product, and they do not.
package cuda
