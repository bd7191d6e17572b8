package emulation

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/inferd/inferd/kernels/cuda"
)

// openTests builds and loads the kernels of testdata.
func openTests(t *testing.T) *Library {
	t.Helper()
	return OpenSource(t, filepath.Join(Folder(), "emulation", "testdata", "fibers.cu"))
}

// runFibers runs a kernel of testdata and returns what its threads wrote.
func runFibers(t *testing.T, l *Library, kernel string, blocks uint32, threads [3]uint32, rounds int64) []int64 {
	t.Helper()
	count := int(blocks * threads[0] * threads[1] * threads[2])
	out := NewBuffer(t, make([]byte, 8*count), 0)
	arguments := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, 0), uint64(rounds))
	err := l.Run(cuda.Launch{
		Kernel: kernel, Grid: [3]uint32{blocks, 1, 1}, Block: threads, SharedBytes: 8 * threads[0], Arguments: arguments,
		Addresses: []cuda.Address{{At: 0, Operand: out.Operand()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	values := make([]int64, count)
	for i := range values {
		values[i] = int64(binary.LittleEndian.Uint64(out.Bytes()[8*i:]))
	}
	return values
}

// shapes are blocks of whole and partial warps, in up to three dimensions.
var shapes = [][3]uint32{{1, 1, 1}, {31, 1, 1}, {32, 1, 1}, {33, 1, 1}, {8, 4, 3}, {100, 1, 1}, {7, 5, 4}, {1024, 1, 1}}

func want(t *testing.T, got []int64, value func(thread int) int64) {
	t.Helper()
	for i, v := range got {
		if v != value(i) {
			t.Errorf("thread %d has %d, want %d", i, v, value(i))
			return
		}
	}
}

func TestBarriers(t *testing.T) {
	l := openTests(t)
	for _, shape := range shapes {
		const blocks, rounds = 3, 5
		count := int(shape[0] * shape[1] * shape[2])
		numbers := make([]int64, count)
		for i := range numbers {
			numbers[i] = int64(i)
		}
		for range rounds {
			next := make([]int64, count)
			for i := range next {
				next[i] = numbers[i] + numbers[(i+1)%count]
			}
			numbers = next
		}
		want(t, runFibers(t, l, "test_barriers", blocks, shape, rounds), func(i int) int64 { return numbers[i%count] + int64(i/count) })
		want(t, runFibers(t, l, "test_nothing", 1, shape, 7), func(i int) int64 { return 7 * int64(i) })
	}
}

func TestThreadsThatEndCountAsArrived(t *testing.T) {
	l := openTests(t)
	for _, shape := range shapes {
		const rounds = 3
		sum := int64(0)
		for i := range int64(shape[0] * shape[1] * shape[2]) {
			if i%32 < 4 {
				sum += i * rounds
			}
		}
		want(t, runFibers(t, l, "test_early_ends", 1, shape, rounds), func(i int) int64 {
			if i%32 < 4 {
				return sum
			}
			return -1
		})
	}
}

func TestWarps(t *testing.T) {
	l := openTests(t)
	want(t, runFibers(t, l, "test_shuffles", 1, [3]uint32{96, 1, 1}, 0), func(i int) int64 {
		lane, warp := i%32, i/32*32
		at := func(from int) int64 {
			if from < 0 || from > 31 {
				from = lane
			}
			return int64(1000 + warp + from)
		}
		return (((at(lane^1)*3+at(lane-2))*3+at(lane+3))*3+at(3))*3 + 1 + 2
	})
	// Halves, each on its own for a while.
	lanes := make([]int64, 32)
	for i := range lanes {
		lanes[i] = int64(i)
	}
	exchange := func(first, last, bits int) {
		before := append([]int64(nil), lanes...)
		for i := first; i < last; i++ {
			lanes[i] += before[i^bits]
		}
	}
	for i := range 3 {
		exchange(0, 16, 1<<i)
	}
	for i := range 7 {
		exchange(16, 32, 1<<(i%4))
	}
	whole := make([]int64, 32)
	for i := range whole {
		whole[i] = lanes[i]*100 + lanes[i^16]
	}
	want(t, runFibers(t, l, "test_halves", 1, [3]uint32{64, 1, 1}, 0), func(i int) int64 {
		i %= 32
		if i%2 == 1 {
			return whole[i] + whole[i^2]
		}
		return whole[i]
	})
}

// failing names the kernel that another process of this test runs, because the emulation ends the process.
const failing = "INFERD_TEST_KERNEL"

func TestRunFailingKernel(t *testing.T) {
	kernel := os.Getenv(failing)
	if kernel == "" {
		t.Skip("only for TestWrongKernels")
	}
	runFibers(t, openTests(t), kernel, 1, [3]uint32{64, 1, 1}, 1)
}

func TestWrongKernels(t *testing.T) {
	openTests(t)
	for kernel, parts := range map[string][]string{
		"test_two_barriers":    {"a barrier that only part of the block reaches", "part of the block waits at", "fibers.cu"},
		"test_missing_lanes":   {"wait for others of their mask that never come", "lanes 0000ffff of mask ffffffff have come"},
		"test_two_shuffles":    {"a warp operation that only part of the warp reaches", "with mask ffffffff"},
		"test_outside_of_mask": {"a lane outside of the mask", "thread 16,0,0"},
		"test_shared_overflow": {"a write beyond the dynamic shared memory"},
	} {
		t.Run(kernel, func(t *testing.T) {
			command := exec.Command(os.Args[0], "-test.run=^TestRunFailingKernel$")
			command.Env = append(os.Environ(), failing+"="+kernel)
			output, err := command.CombinedOutput()
			if err == nil {
				t.Error("the kernel runs")
			}
			for _, part := range append(parts, "cuda emulation: ") {
				if !strings.Contains(string(output), part) {
					t.Errorf("the output does not say %q:\n%.1000s", part, output)
				}
			}
		})
	}
}
