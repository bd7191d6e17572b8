package cuda

import "unsafe"

// ConvForm is how a convolution's weights lie.
type ConvForm int

// The forms. Rows are padded with zeros to whole chunks of 16 bytes.
const (
	// FormRows is [outputs, kernel height, kernel width, channels of a group], a row for each output channel: for tensor cores.
	FormRows ConvForm = iota
	// FormColumns is [groups, kernel height, kernel width, channels of a group, outputs of a group], a row for all outputs of a group: for FMA.
	FormColumns
	// FormDepthwise is [kernel height, kernel width, channels], not padded: for a kernel of its own for each channel.
	FormDepthwise
)

// String names the form.
func (f ConvForm) String() string { return [...]string{"rows", "columns", "depthwise"}[f] }

// ConvWeights are the sizes of a layer's weights, [Outputs, GroupChannels, KernelHeight, KernelWidth] as ONNX has them, and their form.
type ConvWeights struct {
	Outputs, Groups, GroupChannels, KernelHeight, KernelWidth int64
	Size                                                      int64 // of an element
	Form                                                      ConvForm
}

// FormFor returns the form that the kernels of a type read. It depends on the layer alone, not on the images.
func (w ConvWeights) FormFor(t Type, tensorFloat bool) ConvForm {
	switch {
	case w.Groups > 1 && w.GroupChannels == 1 && w.Outputs == w.Groups:
		return FormDepthwise
	case t == Float32 && !tensorFloat:
		return FormColumns
	}
	return FormRows
}

// depth is the number of products for one element of the output.
func (w *ConvWeights) depth() int64 { return w.KernelHeight * w.KernelWidth * w.GroupChannels }

// pitch is the distance between the rows of the form in elements.
func (w *ConvWeights) pitch() int64 {
	chunk := wideBytes / w.Size
	switch w.Form {
	case FormRows:
		return divide(w.depth(), chunk) * chunk
	case FormColumns:
		return divide(w.Outputs/w.Groups, chunk) * chunk
	}
	return w.Outputs
}

// Pack returns the weights in their form.
func (w ConvWeights) Pack(data []byte) []byte {
	rows := w.Outputs
	switch w.Form {
	case FormColumns:
		rows = w.Groups * w.depth()
	case FormDepthwise:
		rows = w.depth()
	}
	packed := make([]byte, rows*w.pitch()*w.Size)
	if w.Size == 2 {
		packWeights[uint16](w, packed, data)
	} else {
		packWeights[uint32](w, packed, data)
	}
	return packed
}

func packWeights[T uint16 | uint32](w ConvWeights, to, from []byte) {
	if len(from) == 0 {
		return
	}
	size := int(unsafe.Sizeof(T(0)))
	out, in := unsafe.Slice((*T)(unsafe.Pointer(&to[0])), len(to)/size), unsafe.Slice((*T)(unsafe.Pointer(&from[0])), len(from)/size)
	taps := w.KernelHeight * w.KernelWidth
	for output := range w.Outputs {
		for channel := range w.GroupChannels {
			for tap := range taps {
				out[w.place(output, tap*w.GroupChannels+channel)] = in[(output*w.GroupChannels+channel)*taps+tap]
			}
		}
	}
}

// place is where the form has the weight of an output channel for position k along a patch.
func (w *ConvWeights) place(output, k int64) int64 {
	switch w.Form {
	case FormRows:
		return output*w.pitch() + k
	case FormColumns:
		outputs := w.Outputs / w.Groups
		return (output/outputs*w.depth()+k)*w.pitch() + output%outputs
	}
	return k*w.pitch() + output
}
