//go:build linux && amd64 && cgo

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/inferd/inferd/daemon/compiler"
	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/program"
)

func newCheckCommand() *cobra.Command {
	var flags deviceFlags
	var dump, steps bool
	var sizes map[string]int64
	c := &cobra.Command{
		Use:   "check MODEL...",
		Short: "Compile models and report what they will cost",
		Long: "Compiles each MODEL (an ONNX file, or a folder with model.onnx) and prints inputs, outputs, operators, fusions, whether requests can be\n" +
			"batched, memory, work, and the steps for which the device has no fast kernel.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, paths []string) error {
			d, err := flags.open()
			if err != nil {
				return err
			}
			defer d.close()
			for _, path := range paths {
				if err := checkModel(c.OutOrStdout(), d, path, checkOptions{dump, steps, sizes}); err != nil {
					return err
				}
			}
			return nil
		},
	}
	flags.register(c, deviceCPU)
	c.Flags().BoolVar(&dump, "dump", false, "print the graph after each pass")
	c.Flags().BoolVar(&steps, "steps", false, "print every step of the program with its kernel")
	c.Flags().StringToInt64Var(&sizes, "size", nil, "sizes of symbolic dimensions for the program, for instance batch=8,sequence=128 (default 1; sequences 32)")
	return c
}

type checkOptions struct {
	dump, steps bool
	sizes       map[string]int64
}

func checkModel(w io.Writer, d *devices, path string, o checkOptions) error {
	options := d.options()
	before := make(map[string]int)
	passes := make(map[string]int)
	options.Observe = func(pass string, g *graph.Graph, changes int) {
		if pass == "import" {
			for _, n := range g.Nodes {
				before[n.QualifiedOp()]++
			}
		} else if changes > 0 && pass != "infer" {
			passes[pass] += changes
		}
		if o.dump {
			fmt.Fprintf(w, "after %s (%d changes): ", pass, changes)
			g.Dump(w)
		}
	}
	m, err := loadModel(path, options)
	if err != nil {
		return err
	}
	defer m.Close()
	after := m.OperatorCounts()
	p, err := m.Specialize(checkShapes(m, o.sizes))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer p.Close()
	report(w, path, m, p, before, after, passes)
	if o.steps {
		printSteps(w, p)
	}
	return nil
}

// checkShapes replaces symbols by the sizes given, or by small ones.
func checkShapes(m *compiler.Model, sizes map[string]int64) [][]int64 {
	shapes := make([][]int64, len(m.Inputs()))
	for i, v := range m.Inputs() {
		for axis, dim := range v.Shape {
			size, known := dim.Known()
			if !known {
				size = 1
				if given, ok := sizes[dim.String()]; ok {
					size = given
				} else if axis > 0 && strings.HasPrefix(dim.String(), "seq") {
					size = 32
				}
			}
			shapes[i] = append(shapes[i], size)
		}
	}
	return shapes
}

func report(w io.Writer, path string, m *compiler.Model, p *program.Program, before, after, passes map[string]int) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(table, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	row("model", "%s", path)
	for _, v := range m.Inputs() {
		row("input", "%v", v)
	}
	for i, v := range m.Outputs() {
		row("output", "%s %s", m.OutputNames()[i], v.Type())
	}
	row("operators in file", "%s", counts(before))
	row("operators compiled", "%s", counts(after))
	row("passes", "%s", counts(passes))
	if b := m.Batching(); b.Batchable {
		row("batchable", "yes, along %s", b.Symbol)
	} else {
		row("batchable", "no: %s", b.Reason)
	}
	var flop, moved int64
	slow := 0
	for _, s := range p.Steps {
		flop, moved = flop+s.FLOP, moved+s.Bytes
		if s.Slow != "" {
			slow++
		}
	}
	row("device", "%s (%s)", m.Device().Info().Name, m.Device().Info().Description)
	row("program", "for %s: %d steps", shapesOf(p), len(p.Steps))
	row("weights", "%s", byteText(m.WeightBytes()))
	row("arena", "%s", byteText(p.ArenaBytes))
	if p.Executor != nil {
		row("arena on the device", "%s", byteText(p.DeviceArenaBytes))
		row("stages", "%s", stagesOf(p))
		row("transfers", "%s", transfersOf(p))
	}
	row("work", "%.3f MFLOP, %s read and written", float64(flop)/1e6, byteText(moved))
	row("slow steps", "%d", slow)
	for _, s := range p.Steps {
		if s.Slow != "" {
			row("", "%s (%s): %s", s.Node, s.Op, s.Slow)
		}
	}
	table.Flush()
}

func shapesOf(p *program.Program) string {
	list := make([]string, len(p.Inputs))
	for i, port := range p.Inputs {
		list[i] = fmt.Sprintf("%s%v", port.Name, port.Shape)
	}
	return strings.Join(list, " ")
}

// stagesOf lists the runs of steps on one device, in order.
func stagesOf(p *program.Program) string {
	var list []string
	for first := 0; first < len(p.Steps); {
		end := first
		for end < len(p.Steps) && p.Steps[end].Device == p.Steps[first].Device {
			end++
		}
		list = append(list, fmt.Sprintf("%d on %s", end-first, p.Steps[first].Device))
		first = end
	}
	return strings.Join(list, ", ")
}

// transfersOf sums up what is copied to and from the device.
func transfersOf(p *program.Program) string {
	var count, bytes [2]int64
	for _, t := range p.Transfers {
		way := 0
		if t.ToDevice {
			way = 1
		}
		count[way]++
		bytes[way] += t.Bytes
	}
	return fmt.Sprintf("%d values (%s) to the device, %d (%s) back", count[1], byteText(bytes[1]), count[0], byteText(bytes[0]))
}

func printSteps(w io.Writer, p *program.Program) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "STEP\tDEVICE\tOPERATOR\tKERNEL\tOUTPUT\tMFLOP\tNODE")
	for i, s := range p.Steps {
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%.3f\t%s\n", i, s.Device, s.Op, s.Kernel, s.Output, float64(s.FLOP)/1e6, s.Node)
	}
	table.Flush()
}

// counts lists "12 Conv, 3 Add", most frequent first.
func counts(m map[string]int) string {
	if len(m) == 0 {
		return "none"
	}
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if m[a] != m[b] {
			return m[b] - m[a]
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%d %s", m[name], name)
	}
	return strings.Join(names, ", ")
}

func byteText(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}
