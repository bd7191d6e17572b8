package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/inferd/inferd/bench/onnxruntime"
	"github.com/inferd/inferd/daemon/compiler"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/cpu"
	"github.com/inferd/inferd/daemon/device/reference"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/daemon/tensor/compare"
	"github.com/inferd/inferd/kernels/cpu/isa"
)

// engines are the two that are compared, with equal numbers of threads.
type engines struct {
	peer      *onnxruntime.Library
	device    *cpu.Device
	reference *reference.Device
	threads   int
}

func openEngines(library string, threads int) (*engines, error) {
	peer, err := onnxruntime.Open(library)
	if err != nil {
		return nil, err
	}
	level, err := isa.Current()
	if err != nil {
		return nil, err
	}
	device, err := cpu.New(level, threads)
	if err != nil {
		return nil, err
	}
	return &engines{peer, device, reference.New(), threads}, nil
}

func (e *engines) close() {
	e.device.Close()
	e.reference.Close()
}

// contest is one case loaded into both engines.
type contest struct {
	runner  *compiler.Runner
	session *onnxruntime.Session
	fresh   []variation
	next    int
}

// compare times one case.
func (e *engines) compare(dir string, o options) (figure, error) {
	path := filepath.Join(dir, "model.onnx")
	data, err := os.ReadFile(path)
	if err != nil {
		return figure{}, err
	}
	model, err := compiler.Load(data, compiler.Options{Devices: []device.Device{e.device, e.reference}, Evaluator: e.reference})
	if err != nil {
		return figure{}, err
	}
	defer model.Close()
	stored, err := readInputs(filepath.Join(dir, "test_data_set_0"), len(model.Inputs()))
	if err != nil {
		return figure{}, err
	}
	shapes := make([][]int64, len(stored))
	for i, t := range stored {
		shapes[i] = t.Shape
	}
	p, err := model.Specialize(shapes)
	if err != nil {
		return figure{}, err
	}
	defer p.Close()
	model.Seal()
	c := contest{}
	if c.runner, err = compiler.NewRunner(p); err != nil {
		return figure{}, err
	}
	defer c.runner.Close()
	if c.session, err = e.peer.Load(path, e.threads); err != nil {
		return figure{}, err
	}
	defer c.session.Close()
	if c.fresh, err = e.variations(stored); err != nil {
		return figure{}, err
	}
	defer e.release(c.fresh)
	if err := c.agree(model.OutputNames()); err != nil {
		return figure{}, err
	}
	f := figure{Case: filepath.Base(dir), Class: classOf(model.OperatorCounts()), Threads: e.threads, Shapes: fmt.Sprint(shapes)}
	err = c.time(&f, o)
	return f, err
}

// inferd runs inferd once on fresh inputs.
func (c *contest) inferd() error {
	v := c.take()
	for i, block := range v.memory {
		c.runner.Bind(i, block.Pointer())
	}
	return c.runner.Compute()
}

// peer runs onnxruntime once on fresh inputs.
func (c *contest) peer() error { return c.session.Run(c.take().values) }

func (c *contest) take() *variation {
	c.next++
	return &c.fresh[c.next%len(c.fresh)]
}

// agree checks on two different inputs that both engines give the same outputs, and that these differ between the inputs.
func (c *contest) agree(names []string) error {
	if !slices.Equal(names, c.session.Outputs) {
		return fmt.Errorf("outputs %v and %v", names, c.session.Outputs)
	}
	var previous []*tensor.Tensor
	for v := range 2 {
		for i, block := range c.fresh[v].memory {
			c.runner.Bind(i, block.Pointer())
		}
		if err := c.runner.Compute(); err != nil {
			return err
		}
		got := c.runner.Outputs()
		want := make([]*tensor.Tensor, len(got))
		buffers := make([][]byte, len(got))
		for i, t := range got {
			want[i] = tensor.New(t.DType, t.Shape...)
			buffers[i] = want[i].Data
		}
		if err := c.session.RunInto(c.fresh[v].values, buffers); err != nil {
			return err
		}
		if err := compare.Lists(got, want, compare.Tolerance{Relative: 1e-3, Absolute: 1e-3}); err != nil {
			return err
		}
		if v > 0 && compare.Lists(got, previous, compare.Tolerance{}) == nil {
			return fmt.Errorf("different inputs give the same outputs")
		}
		previous = got
	}
	return nil
}

// time alternates blocks of the two engines. Alternating call by call would have each evict the other's caches.
func (c *contest) time(f *figure, o options) error {
	calls := map[*sample]func() error{&f.Inferd: c.inferd, &f.Peer: c.peer}
	count := make(map[*sample]int)
	for s, call := range calls {
		n, err := calibrate(call, o.block)
		if err != nil {
			return err
		}
		count[s] = n
	}
	for range o.blocks {
		for _, s := range []*sample{&f.Inferd, &f.Peer} {
			began := time.Now()
			for range count[s] {
				if err := calls[s](); err != nil {
					return err
				}
			}
			s.add(time.Since(began), count[s])
			time.Sleep(settle)
		}
	}
	f.Inferd.finish()
	f.Peer.finish()
	f.Ratio = f.Peer.Median / f.Inferd.Median
	return nil
}

// settle is the pause between blocks. onnxruntime's threads go on spinning for some time after a run; with a pause of 2 ms they took half of inferd's second
// processor during its blocks (minilm on two threads 11.1 ms instead of 7.3 ms), which would measure the peer's leftovers and not inferd.
const settle = 60 * time.Millisecond

// calibrate finds how many calls fill a block, which also warms up.
func calibrate(call func() error, block time.Duration) (int, error) {
	began, calls := time.Now(), 0
	for time.Since(began) < block || calls < 3 {
		if err := call(); err != nil {
			return 0, err
		}
		calls++
	}
	return calls, nil
}
