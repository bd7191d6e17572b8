package quantize

import (
	"errors"
	"fmt"
	"math"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// ErrUnsupported is wrapped by errors of conversions that are valid but have no fast form.
var ErrUnsupported = errors.New("not supported by the quantisation kernels")

const (
	// tileElements is about what one tile converts; tiles end at whole cache lines of bytes.
	tileElements = 16 << 10
	lineElements = 64
	// dynamicTiles bounds the tiles of dynamic quantisation, because each of them reads the extremes of all.
	dynamicTiles = 64
	// elementsPerNS is about what one thread converts, between the second-level cache and memory.
	elementsPerNS = 4
)

// Linear describes a tensor [Before, Scales, After] with a scale and a zero point for each position of the middle axis; Scales may be 1.
type Linear struct {
	Type                  Type // of the integers
	Before, Scales, After int64
}

// Quantize returns the step that computes saturate(round(x / scale) + zero), ties to even, NaN to the least number: float32 to Uint8 or Int8. Operands: X, Y,
// Scale (float32 [Scales]), Zero ([Scales], of the type; absent where all are 0).
func (l Linear) Quantize(level isa.Level) (step.Step, error) {
	if l.Type == Int32 {
		return step.Step{}, fmt.Errorf("quantize to type %d: %w", l.Type, ErrUnsupported)
	}
	return l.plan(byLevel[level].quantize)
}

// Dequantize returns the step that computes float32(x - zero) * scale; operands as for Quantize.
func (l Linear) Dequantize(level isa.Level) (step.Step, error) {
	return l.plan(byLevel[level].dequantize)
}

func (l Linear) plan(kernel step.Kernel) (step.Step, error) {
	if l.Type != Uint8 && l.Type != Int8 && l.Type != Int32 {
		return step.Step{}, fmt.Errorf("quantize: type %d: %w", l.Type, ErrUnsupported)
	}
	if l.Before < 0 || l.Scales < 1 || l.After < 0 || float64(l.Before)*float64(l.Scales)*float64(l.After) > math.MaxInt64/8 {
		return step.Step{}, fmt.Errorf("quantize: dimensions %d, %d, %d are out of range", l.Before, l.Scales, l.After)
	}
	s := split(kernel, l.Before*l.Scales*l.After, tileElements)
	s.Parameter[scaleCount], s.Parameter[afterCount], s.Parameter[integerType] = l.Scales, max(1, l.After), int64(l.Type)
	return s, nil
}

// split divides elements into tiles of about the given number of them.
func split(kernel step.Kernel, elements, perTile int64) step.Step {
	s := step.Step{Kernel: kernel, CostNS: 20 + elements/elementsPerNS, Tiles: max(1, (elements+perTile-1)/perTile)}
	s.Parameter[elementCount], s.Parameter[elementsPerTile] = elements, perTile
	return s
}

// Dynamic returns the two steps that quantise a whole tensor of so many elements to Uint8, with the scale that covers all of them and zero. Operands of the first:
// X, Extremes (memory of DynamicBytes). Of the second: X, Extremes, and its results Y, Scale (float32), Zero
// (Uint8), each of which may be absent.
func Dynamic(level isa.Level, elements int64) ([2]step.Step, error) {
	if elements < 0 || elements > math.MaxInt64/8 {
		return [2]step.Step{}, fmt.Errorf("quantize: %d elements are out of range", elements)
	}
	perTile := max(tileElements, (elements/dynamicTiles+lineElements)/lineElements*lineElements)
	return [2]step.Step{split(byLevel[level].extremes, elements, perTile), split(byLevel[level].dynamic, elements, perTile)}, nil
}

// DynamicBytes is the memory for the extremes between the two steps of Dynamic.
const DynamicBytes = dynamicTiles * 2 * 4
