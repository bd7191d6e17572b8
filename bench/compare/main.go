// Command compare times models on inferd and on onnxruntime in one process: blocks of runs of the two alternate, the inputs are fresh on every
// call, and both read them from the same memory. It prints a table and appends a JSON line per figure.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/inferd/inferd/bench/machine"
)

// options of a comparison.
type options struct {
	library string
	cases   string
	results string
	blocks  int
	block   time.Duration
	only    string
}

func main() {
	var o options
	flag.StringVar(&o.library, "library", "", "path of libonnxruntime.so")
	flag.StringVar(&o.cases, "cases", "../shared/models", "folder of case folders in the layout of ONNX's backend tests")
	flag.StringVar(&o.results, "results", "", "file that JSON lines are appended to")
	flag.IntVar(&o.blocks, "blocks", 15, "blocks of each engine per model")
	flag.DurationVar(&o.block, "block", 60*time.Millisecond, "length of a block")
	flag.StringVar(&o.only, "only", "*", "pattern of case names")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	dirs, err := filepath.Glob(filepath.Join(o.cases, o.only))
	if err != nil || len(dirs) == 0 {
		return fmt.Errorf("no cases below %s (%v)", o.cases, err)
	}
	info := machine.Describe()
	fmt.Printf("%s\n", info.Processor)
	var all []figure
	for _, threads := range []int{1, 2} {
		engines, err := openEngines(o.library, threads)
		if err != nil {
			return err
		}
		fmt.Printf("\n%d thread(s), onnxruntime %s, %d blocks of %v each; microseconds, median (quartiles)\n", threads, engines.peer.Version(), o.blocks, o.block)
		fmt.Printf("%-22s %-6s %30s %30s %7s\n", "case", "class", "inferd", "onnxruntime", "ratio")
		var figures []figure
		for _, dir := range dirs {
			f, err := engines.compare(dir, o)
			if err != nil {
				return fmt.Errorf("%s: %w", dir, err)
			}
			fmt.Printf("%-22s %-6s %30s %30s %6.2fx\n", f.Case, f.Class, f.Inferd, f.Peer, f.Ratio)
			figures = append(figures, f)
		}
		printSummary(figures)
		engines.close()
		all = append(all, figures...)
	}
	if o.results == "" {
		return nil
	}
	return machine.Append(o.results, "models", info, all)
}
