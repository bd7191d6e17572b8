package integer

// #include "integer.h"
import "C"

import "github.com/inferd/inferd/kernels/cpu/step"

// Slots of the steps of DynamicQuantizeLinear, as integer.h names them.
const (
	quantizeX       = C.QUANTIZE_X
	quantizePartial = C.QUANTIZE_PARTIAL
	quantizeY       = C.QUANTIZE_Y
	quantizeScale   = C.QUANTIZE_SCALE
	quantizeZero    = C.QUANTIZE_ZERO

	quantizeCount = C.QUANTIZE_COUNT
	quantizeTile  = C.QUANTIZE_TILE
	quantizeTiles = C.QUANTIZE_TILES
)

// DynamicQuantize describes ONNX's DynamicQuantizeLinear of Count float32: Y in uint8, its Scale and its Zero point.
type DynamicQuantize struct {
	Level             Level
	Count             int
	X, Y, Scale, Zero step.Operand
	Workspace         step.Operand // of WorkspaceBytes
}

// tileElements is what a tile takes: about ten microseconds.
const tileElements = 64 << 10

func (d DynamicQuantize) tiles() int { return max(1, ceil(d.Count, tileElements)) }

// WorkspaceBytes is the memory that the first step leaves its results in.
func (d DynamicQuantize) WorkspaceBytes() int64 { return 8 * int64(d.tiles()) }

// Steps plans the two steps. A tensor without elements has a scale too.
func (d DynamicQuantize) Steps() []step.Step {
	v := variantOf(d.Level)
	steps := make([]step.Step, 2)
	for i, kernel := range []step.Kernel{v.extremes, v.quantize} {
		s := step.Step{Kernel: kernel, Tiles: int64(d.tiles()), CostNS: 30 + int64(d.Count)*int64(1+i)/10}
		s.Operand = [step.Operands]step.Operand{quantizeX: d.X, quantizePartial: d.Workspace, quantizeY: d.Y, quantizeScale: d.Scale, quantizeZero: d.Zero}
		s.Parameter[quantizeCount], s.Parameter[quantizeTile], s.Parameter[quantizeTiles] = int64(d.Count), tileElements, int64(d.tiles())
		steps[i] = s
	}
	return steps
}
