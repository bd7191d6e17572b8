package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/device"
)

// fakeGPU computes as another device does, can be lost, and can refuse models for want of memory.
type fakeGPU struct {
	device.Device
	name string
	full atomic.Bool
	lose func(error)
}

func (g *fakeGPU) Info() device.Info          { return device.Info{Name: g.name, Kind: device.KindGPU} }
func (g *fakeGPU) OnFailure(lose func(error)) { g.lose = lose }
func (g *fakeGPU) NewWeights() device.Weights { return g.Device.NewWeights() }
func (g *fakeGPU) fault(err error) error      { return &program.DeviceError{Device: g.name, Err: err} }
func (g *fakeGPU) Fuses(operator string) bool { return g.Device.Fuses(operator) }
func (g *fakeGPU) Select(n *graph.Node, w device.Weights) (device.Kernel, error) {
	if g.full.Load() {
		return nil, g.fault(errors.New("out of memory"))
	}
	return g.Device.Select(n, w)
}

// withGPUs puts GPUs ahead of the CPU.
func withGPUs(gpus ...*fakeGPU) func(*Options) {
	return func(o *Options) {
		host := o.Units[0].Devices
		o.Units = nil
		for _, g := range gpus {
			g.Device = host[0]
			o.Units = append(o.Units, UnitOptions{Devices: append([]device.Device{g}, host...)})
		}
		o.Units = append(o.Units, UnitOptions{Devices: host})
	}
}

func devicesOf(t *testing.T, e *Engine, model string) string {
	t.Helper()
	v, err := e.Describe([]byte(model), 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, info := range v.Devices() {
		names = append(names, info.Name)
	}
	return strings.Join(names, " ")
}

func TestInstanceGroups(t *testing.T) {
	root := t.TempDir()
	for name, config := range map[string]string{
		"default": "", "cpu": "instance_group [ { kind: KIND_CPU } ]", "second": "instance_group [ { kind: KIND_GPU gpus: [1] } ]",
		"mixed": "instance_group [ { gpus: [0] }, { kind: KIND_CPU } ]", "absent": "instance_group [ { gpus: [2] } ]",
	} {
		writeModel(t, root, name+"/1/model.onnx", scaleModel(2))
		if config != "" {
			writeModel(t, root, name+"/config.pbtxt", []byte(config))
		}
	}
	e, err := tryEngine(t, root, withGPUs(&fakeGPU{name: "gpu:0"}, &fakeGPU{name: "gpu:1"}))
	if err == nil || !strings.Contains(err.Error(), "names GPU 2, there are 2") {
		t.Errorf("a GPU that is not there: %v", err)
	}
	for name, want := range map[string]string{"default": "gpu:0 gpu:1", "cpu": "cpu", "second": "gpu:1", "mixed": "gpu:0 cpu"} {
		if got := devicesOf(t, e, name); got != want {
			t.Errorf("%s runs on %q, want %q", name, got, want)
		}
		if err := scale(e, name, 1, 5, nil, time.Second, 2); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestModelRunsOnTheCPUWhereTheGPUIsFull(t *testing.T) {
	root := t.TempDir()
	writeModel(t, root, "scale.onnx", scaleModel(2))
	gpu := &fakeGPU{name: "gpu:0"}
	gpu.full.Store(true)
	e := newEngine(t, root, withGPUs(gpu))
	if got := devicesOf(t, e, "scale"); got != "cpu" {
		t.Errorf("runs on %q", got)
	}
	if err := scale(e, "scale", 1, 5, nil, time.Second, 2); err != nil {
		t.Error(err)
	}
}

// TestLostDevice loses GPUs one by one under load. Requests are answered, or told to come again; models end up on the CPU.
func TestLostDevice(t *testing.T) {
	root := t.TempDir()
	models := []string{"a", "b", "c"}
	for _, name := range models {
		writeModel(t, root, name+".onnx", scaleModel(2))
	}
	gpus := []*fakeGPU{{name: "gpu:0"}, {name: "gpu:1"}}
	e := newEngine(t, root, withGPUs(gpus...))
	var group sync.WaitGroup
	var stop atomic.Bool
	var answered atomic.Int64
	for worker := range 4 {
		group.Go(func() {
			for n := 0; !stop.Load(); n++ {
				err := scale(e, models[n%3], 1, float32(worker), nil, time.Second, 2)
				if err == nil {
					answered.Add(1)
				} else if KindOf(err) != Unavailable {
					t.Error(err)
					return
				}
			}
		})
	}
	for i, want := range []string{"gpu:1 gpu:1", "cpu cpu"} {
		gpus[i].lose(fmt.Errorf("planted %d", i))
		gpus[i].lose(errors.New("again"))
		for end := time.Now().Add(10 * time.Second); !slices.Equal(devicesOfAll(t, e, models), []string{want, want, want}); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("models run on %v", devicesOfAll(t, e, models))
			}
		}
	}
	before := answered.Load()
	for end := time.Now().Add(10 * time.Second); answered.Load() < before+100 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	stop.Store(true)
	group.Wait()
	if answered.Load() < before+100 {
		t.Error("nothing is answered after the move")
	}
	if !e.Ready() || e.Device().Name != "cpu" {
		t.Errorf("ready %v, device %+v", e.Ready(), e.Device())
	}
	if units := e.Units(); units[0].Failure == nil || units[0].Failure.Error() != "planted 0" || units[2].Failure != nil {
		t.Errorf("units %+v", units)
	}
}

func devicesOfAll(t *testing.T, e *Engine, models []string) (list []string) {
	for _, name := range models {
		list = append(list, devicesOf(t, e, name))
	}
	return list
}

// TestNotReadyWithoutDevices loses the only device.
func TestNotReadyWithoutDevices(t *testing.T) {
	root := t.TempDir()
	writeModel(t, root, "scale.onnx", scaleModel(2))
	gpu := &fakeGPU{name: "gpu:0"}
	e := newEngine(t, root, func(o *Options) {
		withGPUs(gpu)(o)
		o.Units = o.Units[:1]
	})
	gpu.lose(errors.New("planted"))
	if e.Ready() || KindOf(e.ModelReady([]byte("scale"), 0)) != Unavailable {
		t.Error("ready without a device that works")
	}
	if err := scale(e, "scale", 1, 5, nil, time.Second, 2); KindOf(err) != Unavailable {
		t.Errorf("a request got %v", err)
	}
}
