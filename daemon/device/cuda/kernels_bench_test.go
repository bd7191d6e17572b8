//go:build cuda

package cuda_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/inferd/inferd/cgo/cuda"
	"github.com/inferd/inferd/kernels/cpu/step"
	kernel "github.com/inferd/inferd/kernels/cuda"
	"github.com/inferd/inferd/kernels/cuda/emulation"
)

// bench is a device on which single kernels are timed.
type bench struct {
	testing.TB
	device  *cuda.Device
	stream  *cuda.Stream
	modules map[string]*cuda.Module
	// many multiplies sizes: large enough on a GPU that caches hold little of an operand and launching costs nothing, 1 in the emulation.
	many int64
}

func openBench(t testing.TB) *bench {
	device, err := cuda.Open("0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { check(t, device.Close()) })
	stream, err := device.NewStream(0)
	check(t, err)
	t.Cleanup(func() { check(t, stream.Close()) })
	b := &bench{device: device, stream: stream, modules: make(map[string]*cuda.Module), many: 1024}
	if fake != nil {
		b.many = 1
	}
	return b
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// with returns the bench for one of a test's parts, at the end of which memory is freed.
func (b *bench) with(t testing.TB) *bench {
	part := *b
	part.TB = t
	return &part
}

// memory allocates device memory of zeros.
func (b *bench) memory(bytes int64) step.Operand {
	address, err := b.device.Allocate(max(bytes, 1))
	check(b, err)
	b.Cleanup(func() { check(b, b.device.Free(address)) })
	q := b.stream.NewSequence()
	q.Fill(address, 0, bytes)
	b.submit(q, nil)
	check(b, q.Close())
	return step.Operand{Base: step.BaseAbsolute, Offset: int64(address)}
}

// indices allocates so many int64 below a limit, in no order.
func (b *bench) indices(count, limit int64) step.Operand {
	random := rand.New(rand.NewPCG(1, 1))
	data := make([]byte, 0, 8*count)
	for range count {
		data = binary.LittleEndian.AppendUint64(data, uint64(random.Int64N(limit)))
	}
	o := b.memory(8 * count)
	check(b, b.device.CopyTo(cuda.Address(o.Offset), data))
	return o
}

// values allocates so many normally distributed elements: what a kernel does may depend on them, and the power that tensor cores draw does.
func (b *bench) values(t kernel.Type, count int64) step.Operand {
	random := rand.New(rand.NewPCG(1, 2))
	block := make([]float64, min(count, 1<<18)) // repeated
	for i := range block {
		block[i] = random.NormFloat64()
	}
	data, bytes := emulation.Encode(t, block), count*t.Size()
	o := b.memory(bytes)
	for at := int64(0); at < bytes; at += int64(len(data)) {
		check(b, b.device.CopyTo(cuda.Address(o.Offset+at), data[:min(int64(len(data)), bytes-at)]))
	}
	return o
}

// submit runs a sequence once and waits. With an event that was recorded at the beginning it returns the time on the device.
func (b *bench) submit(q *cuda.Sequence, begin *cuda.Event) time.Duration {
	end, err := b.device.NewEvent(begin != nil)
	check(b, err)
	defer func() { check(b, end.Close()) }()
	check(b, q.Submit(end))
	check(b, end.Wait(time.Millisecond))
	if begin == nil {
		return 0
	}
	elapsed, err := end.Since(begin)
	check(b, err)
	return elapsed
}

// sequence holds the launches.
func (b *bench) sequence(launches []kernel.Launch) *cuda.Sequence {
	q := b.stream.NewSequence()
	for _, l := range launches {
		module := b.modules[l.Module]
		if module == nil {
			image, err := kernel.Image(l.Module)
			check(b, err)
			module, err = b.device.LoadModule(image)
			check(b, err)
			b.modules[l.Module] = module
		}
		f, err := module.Function(l.Kernel)
		check(b, err)
		q.Launch(f, l.Grid, l.Block, l.SharedBytes, l.Resolve(nil))
	}
	return q
}

// time runs a sequence n times and returns the mean on the device.
func (b *bench) time(q *cuda.Sequence, n int) time.Duration {
	begin, err := b.device.NewEvent(true)
	check(b, err)
	defer func() { check(b, begin.Close()) }()
	b.submit(q, nil) // the first run loads code
	q.RecordBegin(begin)
	check(b, q.Capture())
	total := time.Duration(0)
	for range n {
		total += b.submit(q, begin)
	}
	check(b, q.Close())
	return total / time.Duration(n)
}

// BenchmarkKernels times kernels by events: those that memory bounds as bandwidth, beside that of a copy, the others as operations.
func BenchmarkKernels(b *testing.B) {
	all := openBench(b)
	b.Run("copy", func(b *testing.B) {
		part, bytes := all.with(b), all.many<<20
		from, to := part.memory(bytes), part.memory(bytes)
		q := part.sequence(nil)
		q.CopyOnDevice(cuda.Address(to.Offset), cuda.Address(from.Offset), bytes)
		report(b, byMemory, part.time(q, b.N), 0, 2*bytes)
	})
	for _, c := range kernelCases {
		b.Run(c.name, func(b *testing.B) {
			part := all.with(b)
			launches, err := c.plan(part)
			check(b, err)
			flop, bytes := int64(0), int64(0)
			for _, l := range launches {
				flop, bytes = flop+l.FLOP, bytes+l.Bytes
			}
			report(b, c.bound, part.time(part.sequence(launches), b.N), flop, bytes)
		})
	}
}

// report gives the time, and what is done in a second of what bounds the kernel.
func report(b *testing.B, by bound, elapsed time.Duration, flop, bytes int64) {
	seconds := max(elapsed, 1).Seconds()
	b.ReportMetric(1e6*seconds, "us")
	switch by {
	case byMemory:
		b.ReportMetric(float64(bytes)/seconds/1e9, "GB/s")
	case byOperations:
		b.ReportMetric(float64(flop)/seconds/1e12, "TFLOP/s")
	}
}

// TestKernelCases keeps the benchmark's cases from rotting: each runs once, small.
func TestKernelCases(t *testing.T) {
	all := openBench(t)
	all.many = 1
	for _, c := range kernelCases {
		t.Run(c.name, func(t *testing.T) {
			part := all.with(t)
			launches, err := c.plan(part)
			check(t, err)
			if len(launches) == 0 {
				t.Error("nothing is launched")
			}
			q := part.sequence(launches)
			part.submit(q, nil)
			check(t, q.Close())
		})
	}
}
