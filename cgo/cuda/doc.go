//go:build cuda

// Package cuda is the CUDA driver: devices, memory, modules, streams, events, and sequences of operations that are captured into graphs.
//
// In: a driver's library at run time, loaded at the first use and needed neither to build nor to start; images of kernels; addresses. Out: work done by
// the device, and errors that say what to do. It imports nothing of daemon.
//
// Two ways lead to the driver. What happens while loading (contexts, modules, memory) goes through gorgonia.org/cu, whose calls use the thread's current
// context and therefore run on one goroutine per device that is locked to its thread (Device.Do). What happens for every request is one C call: a
// Sequence is a list of operations in C memory with all addresses resolved, and Submit hands it to the driver from whatever thread.
package cuda
