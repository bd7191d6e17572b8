//go:build cuda

package cublas

// #include "product.h"
import "C"

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"github.com/inferd/inferd/cgo/cuda"
)

// Choice is how a product is computed.
type Choice struct {
	Matmul Matmul
	// Workspace is memory that the algorithm needs while it runs, in bytes.
	Workspace int64
	// Candidates is how many algorithms were timed.
	Candidates int
	// Time is what the chosen one took; 0 where it was the only one, or nothing could be timed.
	Time      time.Duration
	algorithm C.cublasLtMatmulAlgo_t
}

// Algorithm describes the algorithm by the numbers of the library's manual.
func (c *Choice) Algorithm() string {
	configuration := C.inferd_cublas_configuration_of(&c.algorithm)
	return fmt.Sprintf("algorithm %d, tile %d, stages %d, split %d", configuration.id, configuration.tile, configuration.stages, configuration.split)
}

// Choose returns how a product is computed fastest with at most so many bytes of workspace. The first time for a product it times algorithms, which takes
// milliseconds and memory as large as the product's operands. Where the library has no algorithm the error's chain holds an *Error that is NotSupported.
func (h *Handle) Choose(m Matmul, workspace int64) (*Choice, error) {
	m, err := m.normal()
	if err != nil {
		return nil, err
	}
	key := m.key(workspace)
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if known := h.choices[key]; known != nil {
		choice := *known
		choice.Matmul = m // its factors are not in the key
		return &choice, nil
	}
	product, err := h.newProduct(m)
	if err != nil {
		return nil, err
	}
	defer C.inferd_cublas_product_free(product)
	choice := h.recall(product, m, key, workspace)
	if choice == nil {
		if choice, err = h.compare(product, m, workspace); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		if choice.Time > 0 {
			h.store.add(key, record{hexOf(&choice.algorithm), choice.Workspace, choice.Candidates, int64(choice.Time)})
		}
	}
	h.choices[key] = choice
	return choice, nil
}

// recall returns the choice of an earlier start, where there is one that the library still accepts.
func (h *Handle) recall(product *C.struct_inferd_cublas_product, m Matmul, key string, workspace int64) *Choice {
	known, ok := h.store.find(key)
	if !ok {
		return nil
	}
	choice := &Choice{Matmul: m, Candidates: known.Candidates, Time: time.Duration(known.Nanoseconds)}
	if !fromHex(&choice.algorithm, known.Algorithm) {
		return nil
	}
	var needed C.size_t
	err := h.device.Do(func() error {
		return newError("cublasLtMatmulAlgoCheck", C.inferd_cublas_check(product, &choice.algorithm, &needed))
	})
	if choice.Workspace = int64(needed); err == nil && choice.Workspace <= workspace {
		return choice
	}
	h.log.Warn("a stored choice of a cuBLASLt algorithm is ignored", "file", h.store.path, "product", key, "error", err)
	return nil
}

// compare lists candidates and returns the fastest.
func (h *Handle) compare(product *C.struct_inferd_cublas_product, m Matmul, workspace int64) (*Choice, error) {
	var results [mostCandidates]C.cublasLtMatmulHeuristicResult_t
	var count C.int
	err := h.do("cublasLtMatmulAlgoGetHeuristic", func() C.cublasStatus_t {
		return C.inferd_cublas_candidates(product, C.uint64_t(workspace), alignment, C.int(h.candidates), &results[0], &count)
	})
	if err != nil {
		return nil, err
	}
	var choices []*Choice
	for _, result := range results[:count] {
		if result.state == C.CUBLAS_STATUS_SUCCESS {
			choices = append(choices, &Choice{Matmul: m, Workspace: int64(result.workspaceSize), algorithm: result.algo})
		}
	}
	switch len(choices) {
	case 0:
		return nil, newError("cublasLtMatmulAlgoGetHeuristic", C.CUBLAS_STATUS_NOT_SUPPORTED)
	case 1:
		choices[0].Candidates = 1
		return choices[0], nil
	}
	return h.fastest(choices)
}

// margin is by how much a candidate must beat a better guess of the heuristics, in percent: less is noise.
const margin = 2

// fastest times candidates. Where there is no memory for that, it trusts the heuristics.
func (h *Handle) fastest(choices []*Choice) (*Choice, error) {
	at, free, err := h.allocate(choices)
	if cuda.IsOutOfMemory(err) {
		h.log.Warn("no memory to compare cuBLASLt algorithms: the library's first guess is used", "product", choices[0].Matmul.key(0), "error", err)
		return choices[0], nil
	}
	if err != nil {
		return nil, err
	}
	defer free()
	var best *Choice
	var failures []error
	for _, candidate := range choices {
		if candidate.Time, err = h.time(candidate, at); err != nil {
			if cuda.IsSticky(err) {
				return nil, err
			}
			failures = append(failures, err)
			continue
		}
		if best == nil || candidate.Time*100 < best.Time*(100-margin) {
			best = candidate
		}
	}
	if best == nil {
		return nil, errors.Join(failures...)
	}
	best.Candidates = len(choices)
	return best, nil
}

// allocate returns memory of its own for a product's operands.
func (h *Handle) allocate(choices []*Choice) (at Addresses, free func(), err error) {
	m, workspace := choices[0].Matmul, int64(0)
	for _, c := range choices {
		workspace = max(workspace, c.Workspace)
	}
	info := typeInfo[m.Type]
	results := m.extent(m.D, m.M, m.N) * info.resultSize
	sizes := []struct {
		to    *cuda.Address
		bytes int64
	}{
		{&at.A, m.extent(m.A, m.M, m.K) * info.operandSize}, {&at.B, m.extent(m.B, m.K, m.N) * info.operandSize}, {&at.D, results},
		{&at.Bias, m.N * info.resultSize}, {&at.Workspace, workspace},
	}
	var taken []cuda.Address
	free = func() {
		for _, address := range taken {
			_ = h.device.Free(address) // what it might report is an error of the work, which was waited for
		}
	}
	for _, size := range sizes {
		if size.bytes == 0 {
			continue
		}
		if *size.to, err = h.device.Allocate(size.bytes); err != nil {
			free()
			return at, nil, err
		}
		taken = append(taken, *size.to)
	}
	at.C = at.D
	if m.Beta != 0 && m.C != m.D {
		if at.C, err = h.device.Allocate(m.extent(m.C, m.M, m.N) * info.resultSize); err != nil {
			free()
			return at, nil, err
		}
		taken = append(taken, at.C)
	}
	return at, free, nil
}

// time returns how long a choice takes.
func (h *Handle) time(c *Choice, at Addresses) (time.Duration, error) {
	return h.timer.time(func(q *cuda.Sequence) error { return h.Append(q, c, at) })
}

func hexOf(algorithm *C.cublasLtMatmulAlgo_t) string {
	return hex.EncodeToString(C.GoBytes(unsafe.Pointer(algorithm), C.sizeof_cublasLtMatmulAlgo_t))
}

func fromHex(algorithm *C.cublasLtMatmulAlgo_t, text string) bool {
	data, err := hex.DecodeString(text)
	if err != nil || len(data) != C.sizeof_cublasLtMatmulAlgo_t {
		return false
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(algorithm)), len(data)), data)
	return true
}
