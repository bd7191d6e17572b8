// Command serve measures inferd as a server: what it adds to a bare HTTP echo of the same bytes, what it takes while idle, how models share a
// processor, memory, start, overload and reloads. Every figure is printed beside its bar and appended as a JSON line.
//
// Servers run in processes of their own; what is compared alternates in short blocks.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/inferd/inferd/bench/machine"
)

// bench is what measurements share.
type bench struct {
	inferd  string // the binary
	plain   string // one that was built without GPUs
	cases   string // folder of case folders, each with a model.onnx
	samples string // folder of sample models
	scratch string
	lengths lengths
	figures []figure
}

// lengths are how long and how often is measured.
type lengths struct {
	block   time.Duration // of wrk, inferd and the echo in turn
	blocks  int
	idle    time.Duration
	models  []string // that idle is measured with
	company time.Duration
	// companyBlocks is how many parts of it have a p99 of their own: other load on the machine comes in bursts.
	companyBlocks int
	overload      time.Duration
	reloads       int
	segments      int // of the overload; between them the capacity is measured again, because other load on the machine changes it
	starts        int
	pairs         int // of starts, of both binaries
	requests      int // of each connection in the memory measurement
	clients       int // connections there; the capacity takes twice as many
}

var (
	standard = lengths{
		block: 2 * time.Second, blocks: 9, idle: 20 * time.Second, company: 20 * time.Second, companyBlocks: 20, overload: 20 * time.Second, reloads: 200, segments: 5,
		starts: 5, pairs: 15, requests: 4, clients: 64,
		models: []string{"digits_logreg", "lightgbm_300", "lstm_tagger", "minilm", "mlp", "mobilenet_v3_small", "random_forest", "shufflenet_v2",
			"tabular_mixed", "vit_tiny", "xgboost_500"},
	}
	brief = lengths{
		block: 200 * time.Millisecond, blocks: 2, idle: 200 * time.Millisecond, company: 300 * time.Millisecond, companyBlocks: 1, overload: 400 * time.Millisecond,
		reloads: 5, segments: 1, starts: 2, pairs: 2, requests: 1, clients: 8, models: []string{"mlp", "tabular_mixed"},
	}
)

// measurements by name, in the order in which they run.
var measurements = []struct {
	name    string
	measure func(*bench) error
}{
	{"overhead", (*bench).overhead},
	{"idle", (*bench).idle},
	{"company", (*bench).company},
	{"memory", (*bench).memory},
	{"startup", (*bench).startup},
	{"overload", (*bench).overload},
	{"reloads", (*bench).reloads},
}

func main() {
	var echo, answer, results, only string
	b := &bench{lengths: standard}
	flag.StringVar(&b.inferd, "inferd", "bin/inferd", "the binary to measure")
	flag.StringVar(&b.plain, "plain", "", "one that was built without GPUs, to compare starts")
	flag.StringVar(&b.cases, "cases", "../shared/models", "folder of case folders: mlp, minilm and vit_tiny are used")
	flag.StringVar(&b.samples, "samples", "bench/samples", "folder of sample models")
	flag.StringVar(&results, "results", "", "file that JSON lines are appended to")
	flag.StringVar(&only, "only", "", "measurements to run, separated by commas (default: all): "+names())
	flag.DurationVar(&b.lengths.overload, "overload", standard.overload, "length of the open-loop overload")
	flag.IntVar(&b.lengths.blocks, "blocks", standard.blocks, "blocks of inferd and of the echo")
	flag.StringVar(&echo, "echo", "", "be the echo server on this address")
	flag.StringVar(&answer, "answer", "", "the response that the echo server answers")
	flag.Parse()
	var err error
	if echo != "" {
		err = serveEcho(echo, answer)
	} else {
		err = b.run(only, results)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

func names() string {
	var list []string
	for _, m := range measurements {
		list = append(list, m.name)
	}
	return strings.Join(list, ",")
}

// run runs the chosen measurements.
func (b *bench) run(only, results string) (err error) {
	if b.scratch, err = os.MkdirTemp("", "inferd-bench"); err != nil {
		return err
	}
	defer os.RemoveAll(b.scratch)
	chosen := strings.Split(names(), ",")
	if only != "" {
		chosen = strings.Split(only, ",")
	}
	for _, name := range chosen {
		if !strings.Contains(","+names()+",", ","+name+",") {
			return fmt.Errorf("no measurement %q: want some of %s", name, names())
		}
	}
	info := machine.Describe()
	fmt.Println(info.Processor)
	for _, m := range measurements {
		if !slices.Contains(chosen, m.name) {
			continue
		}
		fmt.Printf("\n%s\n", m.name)
		if err := m.measure(b); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	if results == "" {
		return nil
	}
	return machine.Append(results, "serve", info, b.figures)
}
