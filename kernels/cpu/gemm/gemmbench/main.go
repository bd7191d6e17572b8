// Command gemmbench times matrix products on one thread.
//
// In: lines "M K N activation repetitions" on standard input. Out: for each the nanoseconds of one product with packed
// weights (as one run of a program that repeats it), and of the multiply-add peak for the same FLOP, measured right
// after. compare.py drives it beside onnxruntime.
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
	cases := map[shape]*product{}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var s shape
		var name string
		var repetitions int
		if _, err := fmt.Sscan(lines.Text(), &s.m, &s.k, &s.n, &name, &repetitions); err != nil {
			return fmt.Errorf("%q: %w", lines.Text(), err)
		}
		if name == "gelu" {
			s.activation = activation.GELU
		}
		if cases[s] == nil {
			if cases[s], err = newProduct(level, s); err != nil {
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
	m, k, n    int
	activation activation.Kind
}

// copies is how many times a program repeats the product, so that the cost of the call does not count.
func (s shape) copies() int {
	return max(1, min(16, 1<<30/(s.m*s.k*s.n)))
}

// threadTime is the processor time of this thread: what others do on a busy machine counts less than in wall time.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err) // the clock exists on every Linux
	}
	return time.Duration(t.Nano())
}

type product struct{ steps *runtime.Steps }

func newProduct(level isa.Level, s shape) (*product, error) {
	values := func(n int) ([]float32, error) {
		block, err := memory.Allocate(4 * n)
		if err != nil {
			return nil, err
		}
		random := rand.New(rand.NewPCG(1, 2))
		v := block.Float32s()
		for i := range v {
			v[i] = random.Float32() - 0.5
		}
		return v, nil
	}
	var all [4][]float32
	for i, n := range []int{s.m * s.k, s.k * s.n, s.m * s.n, s.n} {
		var err error
		if all[i], err = values(n); err != nil {
			return nil, err
		}
	}
	operand := func(i int) step.Operand { return step.Absolute(unsafe.Pointer(unsafe.SliceData(all[i]))) }
	steps := make([]step.Step, s.copies())
	for i := range steps {
		// A copy of the weights for each, as onnxruntime makes them; the first is as cold as in a whole model.
		packed, err := gemm.Pack(level, all[1], s.k, s.n, s.n, 1)
		if err != nil {
			return nil, err
		}
		steps[i], err = gemm.Product{
			Level: level, M: s.m, N: s.n, K: s.k, Alpha: 1, Packed: packed, Bias: operand(3), Activation: activation.Activation{Kind: s.activation},
			A: gemm.Matrix{Operand: operand(0), Row: s.k, Column: 1}, C: gemm.Matrix{Operand: operand(2), Row: s.n, Column: 1},
		}.Step()
		if err != nil {
			return nil, err
		}
	}
	program, err := runtime.NewSteps(steps)
	return &product{program}, err
}

// time returns the shortest time of one product in a number of runs.
func (p *product) time(pool *runtime.Pool, repetitions int) (int64, error) {
	best := time.Duration(1 << 62)
	for range repetitions {
		start := threadTime()
		if _, _, err := pool.Run(p.steps, []uintptr{0}, runtime.Cursor{}, 0); err != nil {
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
	return int64(float64(s.m) * float64(s.k) * float64(s.n) / (repetitions * 12 * float64(lanes)) * float64(best))
}
