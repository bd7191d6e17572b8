package cuda

import "unsafe"

// IntegerWeights are the sizes of a layer's weights of eight-bit integers, [Outputs, GroupChannels, KernelHeight, KernelWidth] as ONNX has them; a matrix is a
// layer of one pixel.
type IntegerWeights struct {
	Outputs, Groups, GroupChannels, KernelHeight, KernelWidth int64
	Transposed                                                bool // a matrix [GroupChannels, Outputs]
	Unsigned                                                  bool // uint8, else int8
	HasZeros                                                  bool // zero points other than 0, once uint8 has become int8
}

// integerLayout says where the parts of packed weights begin, in bytes.
type integerLayout struct{ terms, zeros, scales, end int64 }

// isDepthwise reports whether each channel has a filter of its own: then the weights are [KernelHeight, KernelWidth, channels].
func (w *IntegerWeights) isDepthwise() bool {
	return w.Groups > 1 && w.GroupChannels == 1 && w.Outputs == w.Groups
}

func (w *IntegerWeights) depth() int64 { return w.KernelHeight * w.KernelWidth * w.GroupChannels }

// pitch is the distance between packed rows.
func (w *IntegerWeights) pitch() int64 {
	if w.isDepthwise() {
		return w.Outputs
	}
	return divide(w.depth(), wideBytes) * wideBytes
}

// columnPitch is the distance between the groups of an array of columns.
func (w *IntegerWeights) columnPitch() int64 {
	if w.isDepthwise() {
		return 1
	}
	return sumsPitch(w.Outputs / w.Groups)
}

// columns is the length of an array of columns.
func (w *IntegerWeights) columns() int64 {
	if w.isDepthwise() {
		return sumsPitch(w.Outputs)
	}
	return w.Groups * w.columnPitch()
}

func (w *IntegerWeights) layout() integerLayout {
	rows := w.Outputs
	if w.isDepthwise() {
		rows = w.depth()
	}
	begin, array := divide(rows*w.pitch(), wideBytes)*wideBytes, 4*w.columns()
	return integerLayout{begin, begin + array, begin + 2*array, begin + 3*array}
}

// Pack returns the weights as int8 in rows along K, padded with zeros to whole chunks of 16 bytes, and arrays of what belongs to columns: the terms of
// integer.cuh, the zero points and the scales. Zeros and scales have no element, one, or one for each output.
func (w IntegerWeights) Pack(data []byte, zeros []int32, scales []float32) []byte {
	l := w.layout()
	packed := make([]byte, l.end)
	arrays := unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(packed[l.terms:]))), (l.end-l.terms)/4)
	columns := w.columns()
	terms, zeroPoints, factors := arrays[:columns], arrays[columns:2*columns], arrays[2*columns:]
	for output := range w.Outputs {
		column := output
		if !w.isDepthwise() {
			outputs := w.Outputs / w.Groups
			column = output/outputs*w.columnPitch() + output%outputs
		}
		sum := w.packRow(packed, data, output)
		zeroPoints[column] = w.zeroPoint(zeros, output)
		terms[column] = sum - int32(w.depth())*zeroPoints[column]
		if len(scales) > 0 {
			scale := scales[min(output, int64(len(scales)-1))]
			factors[column] = *(*int32)(unsafe.Pointer(&scale))
		}
	}
	return packed
}

// AnyZero reports whether the weights have zero points other than 0, given none, one, or one for each output; see HasZeros.
func (w IntegerWeights) AnyZero(zeros []int32) bool {
	for output := range max(int64(len(zeros)), 1) {
		if w.zeroPoint(zeros, output) != 0 {
			return true
		}
	}
	return false
}

// zeroPoint is that of an output once the weights are int8.
func (w *IntegerWeights) zeroPoint(zeros []int32, output int64) int32 {
	zero := int32(0)
	if len(zeros) > 0 {
		zero = zeros[min(output, int64(len(zeros)-1))]
	}
	if w.Unsigned {
		zero -= 128
	}
	return zero
}

// packRow packs the weights of an output and returns their sum.
func (w *IntegerWeights) packRow(packed, data []byte, output int64) (sum int32) {
	taps, turned := w.KernelHeight*w.KernelWidth, byte(0)
	if w.Unsigned {
		turned = 0x80
	}
	for channel := range w.GroupChannels {
		for tap := range taps {
			from := (output*w.GroupChannels+channel)*taps + tap
			if w.Transposed {
				from = channel*w.Outputs + output
			}
			to := output*w.pitch() + tap*w.GroupChannels + channel
			if w.isDepthwise() {
				to = tap*w.pitch() + output
			}
			packed[to] = data[from] ^ turned
			sum += int32(int8(packed[to]))
		}
	}
	return sum
}
