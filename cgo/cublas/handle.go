//go:build cuda

package cublas

// #include "product.h"
import "C"

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"unsafe"

	"github.com/inferd/inferd/cgo/cuda"
)

// Options configure a handle. Zero values mean the defaults.
type Options struct {
	// File keeps choices from one start to the next; empty: they are made anew. One that is broken or of another library or device is ignored, and replaced.
	File string
	// Candidates is how many algorithms are timed for a product at most.
	Candidates int
	// Logger hears of files that are ignored; nil means slog.Default.
	Logger *slog.Logger
}

const (
	defaultCandidates = 8
	// mostCandidates is how many the heuristics are asked for at most.
	mostCandidates = 32
	// alignment that all addresses must have, in bytes: what the widest loads need.
	alignment = 16
)

// Handle is the library on one device. It is safe for concurrent use.
type Handle struct {
	device     *cuda.Device
	handle     C.cublasLtHandle_t
	candidates int
	log        *slog.Logger
	timer      *timer
	store      *store
	// mutex lets one product be timed at a time.
	mutex   sync.Mutex
	choices map[string]*Choice
}

// Open makes the library ready on a device. Without a library the error is Probe's reason.
func Open(device *cuda.Device, o Options) (*Handle, error) {
	status := Probe()
	if err := status.Err(); err != nil {
		return nil, err
	}
	h := &Handle{device: device, candidates: o.Candidates, log: o.Logger, choices: make(map[string]*Choice)}
	if h.log == nil {
		h.log = slog.Default()
	}
	if h.candidates <= 0 {
		h.candidates = defaultCandidates
	}
	h.candidates = min(h.candidates, mostCandidates)
	err := h.do("cublasLtCreate", func() C.cublasStatus_t { return C.inferd_cublas_create(&h.handle) })
	if err != nil {
		return nil, fmt.Errorf("%s on CUDA device %d: %w", status.Library, device.Info().Ordinal, err)
	}
	if h.timer, err = newTimer(device); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	info := device.Info()
	h.store = openStore(o.File, status.Version, fmt.Sprintf("%s %v %d", info.Name, info.Capability, info.Multiprocessors), h.log)
	return h, nil
}

// Close gives the library's memory on the device back. Sequences that call it must have been closed.
func (h *Handle) Close() error {
	if h.handle == nil {
		return nil
	}
	handle := h.handle
	h.handle = nil
	err := h.device.Do(func() error { return newError("cublasLtDestroy", C.inferd_cublas_destroy(handle)) })
	return errors.Join(h.timer.close(), err)
}

// do runs one call of the library on the device's thread. A failure may be the end of the context, which matters more than what the library says about it.
func (h *Handle) do(call string, f func() C.cublasStatus_t) error {
	err := h.device.Do(func() error { return newError(call, f()) })
	if err != nil {
		if _, _, lost := h.device.Memory(); lost != nil {
			return errors.Join(err, lost)
		}
	}
	return err
}

// Addresses are where the operands of a product lie, aligned to 16 bytes. C counts where Beta is not 0, Bias where the epilogue has one, Workspace where the
// choice needs one.
type Addresses struct{ A, B, C, D, Bias, Workspace cuda.Address }

// Append appends a product to a sequence, which may be captured once it has run.
func (h *Handle) Append(q *cuda.Sequence, c *Choice, at Addresses) error {
	product, err := h.newProduct(c.Matmul)
	if err != nil {
		return err
	}
	product.algorithm = c.algorithm
	if err := place(product, c.Matmul, at, c.Workspace); err != nil {
		C.inferd_cublas_product_free(product)
		return err
	}
	q.Call("cublasLtMatmul "+c.Matmul.key(c.Workspace), unsafe.Pointer(C.inferd_cublas_call), unsafe.Pointer(product), statusText)
	q.OnClose(func() { C.inferd_cublas_product_free(product) })
	return nil
}

// newProduct makes the record of a product that is complete except for addresses and algorithm.
func (h *Handle) newProduct(m Matmul) (*C.struct_inferd_cublas_product, error) {
	var product *C.struct_inferd_cublas_product
	problem := m.problem()
	if err := newError("cublasLtMatmulDescCreate", C.inferd_cublas_product_new(h.handle, &problem, &product)); err != nil {
		return nil, fmt.Errorf("describe %s: %w", m.key(0), err)
	}
	return product, nil
}

// place writes addresses into a record. To the library A and B have changed places; see Matmul.problem.
func place(product *C.struct_inferd_cublas_product, m Matmul, at Addresses, workspace int64) error {
	for _, address := range []cuda.Address{at.A, at.B, at.C, at.D, at.Bias, at.Workspace} {
		if address%alignment != 0 {
			return fmt.Errorf("an operand of a product lies at %#x, not aligned to %d bytes", uint64(address), alignment)
		}
	}
	product.a, product.b, product.d = pointer(at.B), pointer(at.A), pointer(at.D)
	product.c = product.d
	if m.Beta != 0 {
		product.c = pointer(at.C)
	}
	product.workspace, product.workspace_bytes = pointer(at.Workspace), C.size_t(workspace)
	if m.Epilogue.HasBias() {
		return newError("cublasLtMatmulDescSetAttribute", C.inferd_cublas_set_bias(product, pointer(at.Bias)))
	}
	return nil
}

// pointer is an address as the library wants it. It is never followed here, and Go's collector does not know the memory.
func pointer(address cuda.Address) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&address))
}
