package cuda

import "github.com/inferd/inferd/kernels/cpu/step"

// quantizePack is how many elements a thread takes at a time, where it can.
const quantizePack = 16

// Quantize describes ONNX's QuantizeLinear of a dense tensor [Before, Scales, After], y = saturate(round(x / scale) + zero), or DequantizeLinear,
// y = (x - zero) * scale. One scale for the tensor is Scales 1.
type Quantize struct {
	Dequantize            bool
	Float                 Type // of the float side and of the scales
	Narrow                Type // of the other side and of the zero points
	Before, Scales, After int64
	X, Scale, Zero, Y     step.Operand // Zero may be absent
}

// quantizeArguments mirrors QuantizeArguments.
type quantizeArguments struct {
	x, scale, zero, y    address
	packsOfScale, scales divisor
	step                 int32
	packs                uint32
}

// Plan returns the launch; none where there are no elements.
func (q Quantize) Plan() ([]Launch, error) {
	kernel, narrow := "quantize", q.Narrow == Int8 || q.Narrow == Uint8
	if q.Dequantize {
		kernel, narrow = "dequantize", narrow || q.Narrow == Int32
	}
	if !q.Float.IsFloat() || !narrow {
		return nil, unsupported("%s between %v and %v", kernel, q.Float, q.Narrow)
	}
	elements := q.Before * q.Scales * q.After
	if elements == 0 {
		return nil, nil
	}
	if q.Scales == 1 { // whatever the axis
		q.Before, q.After = 1, elements
	}
	arguments, count := quantizeArguments{scales: newDivisor(q.Scales), packsOfScale: newDivisor(max(q.After, 1))}, int64(1)
	switch aligned := (q.X.Offset|q.Y.Offset)%wideBytes == 0; {
	case aligned && q.After%quantizePack == 0:
		count, arguments.packsOfScale = quantizePack, newDivisor(q.After/quantizePack)
	case aligned && q.After == 1 && q.Scales%quantizePack == 0:
		count, arguments.scales, arguments.step = quantizePack, newDivisor(q.Scales/quantizePack), 1
	default:
		kernel += "_one"
	}
	packs := elements / count
	if packs > mostSteps || q.Scales > mostSteps || q.After > mostSteps {
		return nil, unsupported("%s of %d elements", kernel, elements)
	}
	arguments.packs = uint32(packs)
	l := newLaunch("quantize", kernel+"_"+q.Float.String()+"_"+q.Narrow.String(), grid1(divide(packs, 128)), grid1(128), 0, arguments,
		q.X, q.Scale, q.Zero, q.Y)
	l.FLOP, l.Bytes = 2*elements, (elements+q.Scales)*(q.Float.Size()+q.Narrow.Size())
	return []Launch{l}, nil
}

// DynamicQuantize describes ONNX's DynamicQuantizeLinear of Count float32: Y uint8, its Scale float32 and its Zero point uint8, for the range of all of X.
type DynamicQuantize struct {
	Count             int64
	X, Y, Scale, Zero step.Operand
	Workspace         step.Operand // of WorkspaceBytes
}

// dynamicQuantizeArguments mirrors DynamicQuantizeArguments.
type dynamicQuantizeArguments struct {
	x, partial, y, scale, zero address
	count                      int64
	blocks, wide               int32
}

// blocks is how many blocks look for the extremes: each has to fold the others' results again, so there are no more than a device holds at once.
func (d DynamicQuantize) blocks() int64 { return min(max(divide(d.Count, 256*quantizePack), 1), 1024) }

// WorkspaceBytes is the memory that the first launch leaves its results in.
func (d DynamicQuantize) WorkspaceBytes() int64 { return 8 * d.blocks() }

// Plan returns the launches. A tensor without elements has a scale too.
func (d DynamicQuantize) Plan() ([]Launch, error) {
	blocks := d.blocks()
	arguments := dynamicQuantizeArguments{count: d.Count, blocks: int32(blocks), wide: flag((d.X.Offset|d.Y.Offset)%wideBytes == 0)}
	launch := func(kernel string, bytes int64) Launch {
		l := newLaunch("quantize", kernel, grid1(blocks), grid1(256), 0, arguments, d.X, d.Workspace, d.Y, d.Scale, d.Zero)
		l.FLOP, l.Bytes = 2*d.Count, bytes
		return l
	}
	return []Launch{launch("quantize_extremes", 4*d.Count+d.WorkspaceBytes()), launch("quantize_dynamic", 5*d.Count+d.WorkspaceBytes()+5)}, nil
}
