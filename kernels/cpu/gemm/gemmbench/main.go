// Command gemmbench times matrix products on one thread.
//
// In: lines "M K N kind repetitions" on standard input; kind is none or gelu (what is fused), or attention (M queries and
// keys, N heads of K values). Out: for each the nanoseconds of one product with packed weights
// (as one run of a program that repeats it), and of the multiply-add peak for the same FLOP, measured right after. compare.py drives it beside onnxruntime.
package main

// #cgo CFLAGS: -O3 -std=c11 -D_GNU_SOURCE -Wall -I.
// #include "peak.h"
import "C"

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	goruntime "runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/inferd/inferd/kernels/cpu/activation"
	"github.com/inferd/inferd/kernels/cpu/gemm"
	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/memory"
	"github.com/inferd/inferd/kernels/cpu/runtime"
	"github.com/inferd/inferd/kernels/cpu/step"
)

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "gemmbench:", err)
		os.Exit(1)
	}
}

func serve() error {
	goruntime.LockOSThread()
	level, err := isa.Current()
	if err != nil {
		return err
	}
	pool, err := runtime.New(1)
	if err != nil {
		return err
	}
	defer pool.Close()
	cases := map[shape]*program{}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var s shape
		var repetitions int
		if _, err := fmt.Sscan(lines.Text(), &s.m, &s.k, &s.n, &s.kind, &repetitions); err != nil {
			return fmt.Errorf("%q: %w", lines.Text(), err)
		}
		if cases[s] == nil {
			if cases[s], err = newProgram(level, s); err != nil {
				return err
			}
		}
		ns, err := cases[s].time(pool, repetitions)
		if err != nil {
			return err
		}
		fmt.Printf("%d %d\n", ns, peak(level, s))
	}
	return nil
}

type shape struct {
	m, k, n int
	kind    string
}

// work is the number of multiply-adds.
func (s shape) work() int {
	if s.kind == "attention" {
		return 2 * s.m * s.m * s.k * s.n
	}
	return s.m * s.k * s.n
}

// copies is how many times a program repeats the work, so that the cost of the call does not count.
func (s shape) copies() int {
	return max(1, min(16, 1<<30/s.work()))
}

// threadTime is the processor time of this thread: what others do on a busy machine counts less than in wall time.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err) // the clock exists on every Linux
	}
	return time.Duration(t.Nano())
}

type program struct{ steps *runtime.Steps }

func newProgram(level isa.Level, s shape) (*program, error) {
	steps := make([]step.Step, s.copies())
	for i := range steps {
		var err error
		switch {
		case s.kind != "attention":
			steps[i], err = planProduct(level, s)
		case i == 0:
			steps[i], err = planAttention(level, s)
		default:
			steps[i] = steps[0]
		}
		if err != nil {
			return nil, err
		}
	}
	all, err := runtime.NewSteps(steps)
	return &program{all}, err
}

// random returns an operand of n random values. The memory lives as long as the process.
func random(n int) (step.Operand, []float32, error) {
	block, err := memory.Allocate(4 * n)
	if err != nil {
		return step.Operand{}, nil, err
	}
	source := rand.New(rand.NewPCG(1, 2))
	v := block.Float32s()
	for i := range v {
		v[i] = source.Float32() - 0.5
	}
	return step.Absolute(block.Pointer()), v, nil
}

// planProduct gives each product weights of its own, as onnxruntime does; large ones are as cold as in a whole model.
func planProduct(level isa.Level, s shape) (step.Step, error) {
	a, _, err := random(s.m * s.k)
	if err != nil {
		return step.Step{}, err
	}
	c, bias, err := random(s.m*s.n + s.n)
	if err != nil {
		return step.Step{}, err
	}
	_, b, err := random(s.k * s.n)
	if err != nil {
		return step.Step{}, err
	}
	packed, err := gemm.Pack(level, b, s.k, s.n, s.n, 1)
	if err != nil {
		return step.Step{}, err
	}
	p := gemm.Product{
		Level: level, M: s.m, N: s.n, K: s.k, Alpha: 1, Packed: packed, Bias: step.Absolute(unsafe.Pointer(&bias[s.m*s.n])),
		A: gemm.Matrix{Operand: a, Row: s.k, Column: 1}, C: gemm.Matrix{Operand: c, Row: s.n, Column: 1},
	}
	if s.kind == "gelu" {
		p.Activation.Kind = activation.GELU
	}
	return p.Step()
}

// planAttention plans heads that lie interleaved, as a product with the weights of Q, K and V leaves them.
func planAttention(level isa.Level, s shape) (step.Step, error) {
	var heads [4]gemm.Heads
	for i := range heads {
		operand, _, err := random(s.m * s.k * s.n)
		if err != nil {
			return step.Step{}, err
		}
		heads[i] = gemm.Heads{Operand: operand, Row: s.n * s.k, Column: 1, Head: s.k}
	}
	return gemm.Attention{
		Level: level, Batch: 1, Heads: s.n, Queries: s.m, Keys: s.m, HeadSize: s.k, ValueSize: s.k, Scale: 0.125,
		Q: heads[0], K: heads[1], V: heads[2], O: heads[3],
	}.Step()
}

// time returns the shortest time of one copy in a number of runs.
func (p *program) time(pool *runtime.Pool, repetitions int) (int64, error) {
	best := time.Duration(1 << 62)
	for range repetitions {
		start := threadTime()
		if _, _, err := pool.Run(p.steps, []uintptr{0}, runtime.Cursor{}, runtime.Pause{}); err != nil {
			return 0, err
		}
		best = min(best, threadTime()-start)
	}
	return int64(best) / int64(p.steps.Len()), nil
}

// peak returns the nanoseconds that the multiply-adds of the shape take at least.
func peak(level isa.Level, s shape) int64 {
	const repetitions = 20000
	best := time.Duration(1 << 62)
	for range 10 {
		start := threadTime()
		if level == isa.AVX512 {
			C.inferd_peak_avx512(repetitions)
		} else {
			C.inferd_peak_avx2(repetitions)
		}
		best = min(best, threadTime()-start)
	}
	lanes := max(level.Lanes(), isa.AVX2.Lanes())
	return int64(float64(s.work()) / (repetitions * 12 * float64(lanes)) * float64(best))
}
