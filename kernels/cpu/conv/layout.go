package conv

import (
	"fmt"

	"github.com/inferd/inferd/kernels/cpu/isa"
)

// Algorithm is a way to compute a convolution. Each wants its weights packed in its own way.
type Algorithm int

// The algorithms.
const (
	Direct    Algorithm = iota // implicit matrix product; any layer
	Depthwise                  // one input channel per group
	Winograd                   // F(4x4, 3x3): fewer multiplications, a little less exact
)

var algorithmNames = [...]string{"direct", "depthwise", "winograd"}

// String returns the algorithm's name.
func (a Algorithm) String() string { return algorithmNames[a] }

// Layout is a layer whose algorithm and instruction set are decided: the form of its packed weights.
type Layout struct {
	Params
	Level     isa.Level
	Algorithm Algorithm
}

// Choose decides how the layer is computed at the level, for inputs of about the given size.
func Choose(level isa.Level, p Params, height, width int) (Layout, error) {
	if err := p.Validate(); err != nil {
		return Layout{}, err
	}
	if _, _, err := p.OutputSize(height, width); err != nil {
		return Layout{}, err
	}
	l := Layout{Params: p, Level: level, Algorithm: Direct}
	if p.Groups > 1 && p.Groups == p.InputChannels {
		l.Algorithm = Depthwise
	} else if l.winogradPays(height, width) {
		l.Algorithm = Winograd
	}
	return l, nil
}

// Key distinguishes the packed forms of one weight: two layouts with the same key pack the same weights to the same floats.
func (l *Layout) Key() string {
	return fmt.Sprintf("conv_%s_%s_g%d", l.Algorithm, l.Level, l.Groups)
}

// panels says how the vectors of one group's output channels divide into panels: the first `wide` of them have narrow+1 vectors, the others
// narrow. Two vectors a panel suit the 16 registers of AVX2 best, three the 32 of AVX-512.
func (l *Layout) panels() (count, wide, narrow int) {
	vectors := l.groupVectors()
	if l.Level == isa.AVX512 {
		count = (vectors + 2) / 3
	} else {
		count = max(1, vectors/2)
	}
	return count, vectors % count, vectors / count
}

// groupVectors is the number of vectors that hold the output channels of one group.
func (l *Layout) groupVectors() int {
	lanes := l.Level.Lanes()
	return (l.OutputChannels/l.Groups + lanes - 1) / lanes
}

// Floats is the number of floats that Pack writes.
func (l *Layout) Floats() int {
	lanes := l.Level.Lanes()
	switch l.Algorithm {
	case Depthwise:
		return (l.OutputChannels + lanes - 1) / lanes * lanes * (1 + l.taps())
	case Winograd:
		return l.groupVectors() * lanes * (1 + winogradSums*l.InputChannels)
	default:
		return l.Groups * l.groupVectors() * lanes * (1 + l.taps()*(l.InputChannels/l.Groups))
	}
}

// Pack writes the weights, OIHW as ONNX stores them, and the bias (nil for none) to packed, in the order in which the kernel reads them.
func (l *Layout) Pack(packed, weights, bias []float32) error {
	if want := l.OutputChannels * (l.InputChannels / l.Groups) * l.taps(); len(weights) != want {
		return fmt.Errorf("pack convolution: %d weights, want %d", len(weights), want)
	}
	if len(bias) != l.OutputChannels && bias != nil {
		return fmt.Errorf("pack convolution: bias of %d, want %d", len(bias), l.OutputChannels)
	}
	if len(packed) != l.Floats() {
		return fmt.Errorf("pack convolution: %d floats of room, want %d", len(packed), l.Floats())
	}
	clear(packed)
	switch l.Algorithm {
	case Depthwise:
		l.packDepthwise(packed, weights, bias)
	case Winograd:
		l.packWinograd(packed, weights, bias)
	default:
		l.packDirect(packed, weights, bias)
	}
	return nil
}

// packDepthwise writes, per vector of output channels, the bias and then each tap.
func (l *Layout) packDepthwise(packed, weights, bias []float32) {
	lanes, taps := l.Level.Lanes(), l.taps()
	for o := range l.OutputChannels {
		to := packed[o/lanes*lanes*(1+taps)+o%lanes:]
		if bias != nil {
			to[0] = bias[o]
		}
		for t := range taps {
			to[(1+t)*lanes] = weights[o*taps+t]
		}
	}
}

// packDirect writes, per group and panel, the bias and then each tap and input channel, the panel's output channels side by side.
func (l *Layout) packDirect(packed, weights, bias []float32) {
	lanes, taps := l.Level.Lanes(), l.taps()
	groupInput, groupOutput := l.InputChannels/l.Groups, l.OutputChannels/l.Groups
	panels, wide, narrow := l.panels()
	at := 0
	for group := range l.Groups {
		first := 0 // output channel within the group
		for panel := range panels {
			width := narrow * lanes
			if panel < wide {
				width += lanes
			}
			for column := range min(width, groupOutput-first) {
				o := group*groupOutput + first + column
				if bias != nil {
					packed[at+column] = bias[o]
				}
				from := weights[o*groupInput*taps:]
				for c := range groupInput {
					for t := range taps {
						packed[at+(1+t*groupInput+c)*width+column] = from[c*taps+t]
					}
				}
			}
			at += width * (1 + taps*groupInput)
			first += width
		}
	}
}
