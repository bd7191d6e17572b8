// Package optimize rewrites a graph into a cheaper one with the same results.
//
// In: a verified graph with inferred types, and what the target device can do. Out: the same graph, changed in place. A file holds one
// pass. Passes run twice in a model's life: at level Prepare on the symbolic graph, where weights are folded and operators are fused, and
// at level Specialize on a clone whose dimensions are all known, where only what the shapes decide is simplified.
package optimize

import (
	"fmt"
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// Target is what the passes need to know about the device.
type Target struct {
	// Fuses reports whether the device has a kernel for a fused operator (a name from package op, without domain).
	Fuses func(op string) bool
	// Evaluate sets the Constant of a node's outputs from those of its inputs. Nil forbids folding.
	Evaluate func(n *graph.Node) error
	// FoldLimit bounds the bytes of a constant that folding creates from little.
	FoldLimit int64
	// Narrow reports whether the device has kernels for float16 and bfloat16; Precision is what was asked for, and means something there only.
	Narrow    bool
	Precision Precision
}

// Level is a moment in a model's life.
type Level int

const (
	// Prepare runs once a model, with symbolic dimensions and with all constants at hand.
	Prepare Level = iota
	// Specialize runs once a program, with known dimensions; only the elements of small constants are still there.
	Specialize
)

// Observer sees the graph after each pass that ran, with the number of rewrites that the pass made.
type Observer func(pass string, g *graph.Graph, changes int)

// pass is one rewriting of a graph; run returns the number of rewrites.
type pass struct {
	name string
	run  func(s *state) (int, error)
}

// cleanup passes run at both levels, in rounds until nothing changes.
var cleanup = []pass{
	{"fold constants", foldConstants},
	{"remove identities", each(removeIdentity)},
	{"merge reshapes", each(mergeReshape)},
	{"merge transposes", each(mergeTranspose)},
	{"fold conditions", each(foldCondition)},
	{"sink expands", each(sinkExpand)},
	{"merge common nodes", mergeCommon},
	{"remove dead nodes", removeDead},
}

// recognition simplifies and finds operators that exporters write out. It runs in rounds with cleanup, at level Prepare.
var recognition = []pass{
	{"rewrite affine gathers", each(rewriteGather)},
	{"drop zero states", each(dropZeroState)},
	{"split sums", each(splitSum)},
	{"scale what Gemm adds", each(scaleAddend)},
	{"fold batch normalisations", each(foldBatchNormalization)},
	{"fold scales into convolutions", each(foldConvScale)},
	{"recognise activations", each(recogniseActivation)},
	{"recognise layer normalisations", each(recogniseLayerNormalization)},
	{"select rows early", each(selectEarly)},
	{"route channels", routeChannels},
	{"see sequences as images", each(sequencesAsImages)},
}

// fusions make our own operators. Later ones read what earlier ones made.
var fusions = []pass{
	{"fuse linear layers", each(fuseLinear)},
	{"fuse attention", each(fuseAttention)},
	{"channels last", channelsLast},
}

// epilogues absorb what follows a kernel into the kernel; they run in rounds, after fusions.
var epilogues = []pass{
	{"remove identities", each(removeIdentity)},
	{"merge reshapes", each(mergeReshape)},
	{"merge transposes", each(mergeTranspose)},
	{"move transposes", each(moveTranspose)}, // not earlier: attention is found by its transposes
	{"sink reshapes", each(sinkReshape)},
	{"fuse epilogues", each(fuseEpilogue)},
	{"fuse epilogues of quantised products", each(fuseQuantizedEpilogue)},
	{"pack attention", each(packAttention)},
	{"remove dead nodes", removeDead},
}

// finish runs last at level Prepare.
var finish = []pass{
	{"fuse layer normalisations", each(fuseLayerNormalization)},
	{"lower dequantisation", each(lowerDequantize)},
	{"lower quantisation", each(lowerQuantize)},
	{"fuse element-wise chains", fuseElementwise},
	{"merge common nodes", mergeCommon},
	{"remove dead nodes", removeDead},
}

// maxRounds bounds repetition. Graphs settle after two or three rounds; the bound is for hostile ones.
const maxRounds = 16

// state is what the passes of one run share.
type state struct {
	g        *graph.Graph
	target   Target
	level    Level
	observer Observer
	symbols  map[string]bool      // those of the graph's inputs
	budget   int64                // bytes that folding may still create
	failed   map[*graph.Node]bool // nodes that could not be evaluated
	stated   tensor.DType         // in which the model is written where that is narrower than float32
	// dequantizes tells that products of integers have been made: dequantised weights that are left may be folded.
	dequantizes bool
}

// Run applies the passes of the level. The graph is verified after each of them.
func Run(g *graph.Graph, target Target, level Level, observer func(pass string, g *graph.Graph, changes int)) error {
	s := &state{g: g, target: target, level: level, observer: observer, symbols: inputSymbols(g), failed: make(map[*graph.Node]bool)}
	s.budget = foldBudget(g, target.FoldLimit)
	if level == Specialize {
		s.dequantizes = true
		return s.rounds(cleanup)
	}
	if _, err := s.once([]pass{widening}); err != nil {
		return err
	}
	if err := s.rounds(slices.Concat(cleanup, quantization)); err != nil {
		return err
	}
	s.dequantizes = true
	for _, stage := range [][]pass{slices.Concat(recognition, cleanup), slices.Concat(fusions, cleanup), epilogues} {
		if err := s.rounds(stage); err != nil {
			return err
		}
	}
	_, err := s.once(slices.Concat(finish, narrowing))
	return err
}

// rounds repeats the passes until none changes anything.
func (s *state) rounds(passes []pass) error {
	for round := 0; round < maxRounds; round++ {
		changes, err := s.once(passes)
		if err != nil || changes == 0 {
			return err
		}
	}
	return nil
}

// once runs each pass and returns the number of rewrites in all.
func (s *state) once(passes []pass) (int, error) {
	sum := 0
	for _, p := range passes {
		changes, err := p.run(s)
		if err != nil {
			return sum, fmt.Errorf("optimize: %s: %w", p.name, err)
		}
		if changes > 0 {
			if err := s.g.Verify(); err != nil {
				return sum, fmt.Errorf("optimize: the graph is broken after %q: %w", p.name, err)
			}
		}
		if s.observer != nil && changes > 0 {
			s.observer(p.name, s.g, changes)
		}
		sum += changes
	}
	return sum, nil
}

// inputSymbols returns the symbols that a request's shapes bind.
func inputSymbols(g *graph.Graph) map[string]bool {
	symbols := make(map[string]bool)
	for _, v := range g.Inputs {
		for _, dim := range v.Shape {
			dim.Symbols(func(name string) { symbols[name] = true })
		}
	}
	return symbols
}

// grounded reports whether a request's shapes determine every dimension. Others come from data and are renamed by the next inference.
func (s *state) grounded(dims []graph.Dim) bool {
	for _, dim := range dims {
		known := true
		dim.Symbols(func(name string) { known = known && s.symbols[name] })
		if !known {
			return false
		}
	}
	return true
}
