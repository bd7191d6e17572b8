package cuda_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/activation"
	"github.com/inferd/inferd/kernels/cuda"
	"github.com/inferd/inferd/kernels/cuda/emulation"
)

// convCase is a layer with its images.
type convCase struct {
	images, height, width, channels, outputs, groups int
	kernel, strides, dilations                       [2]int
	pads                                             [4]int // top, left, bottom, right
	bias, residual, last                             bool
	activation                                       activation.Activation
}

// square is a layer with the same sizes in both directions.
func square(images, size, channels, outputs, groups, kernel, stride, dilation, pad int) convCase {
	return convCase{
		images: images, height: size, width: size + 1, channels: channels, outputs: outputs, groups: groups, kernel: [2]int{kernel, kernel},
		strides: [2]int{stride, stride}, dilations: [2]int{dilation, dilation}, pads: [4]int{pad, pad, pad, pad},
	}
}

func (c convCase) String() string {
	return fmt.Sprintf("%dx%dx%dx%d_%d_g%d_k%v_s%v_d%v", c.images, c.height, c.width, c.channels, c.outputs, c.groups, c.kernel, c.strides, c.dilations)
}

func (c convCase) outputSize() (height, width int) {
	size := func(i, input int) int {
		return (input+c.pads[i]+c.pads[i+2]-(c.kernel[i]-1)*c.dilations[i]-1)/c.strides[i] + 1
	}
	return size(0, c.height), size(1, c.width)
}

// convData are the operands' values and memory.
type convData struct {
	x, weights, bias, residual []float64
	conv                       cuda.Conv
	out                        *emulation.Buffer
}

func (c convCase) data(t *testing.T, p productType, offset int) *convData {
	height, width := c.outputSize()
	count := c.images * height * width * c.outputs
	d := &convData{
		x: randomValues(p.Type, c.images*c.height*c.width*c.channels, 1), weights: randomValues(p.Type, c.outputs*c.channels/c.groups*c.kernel[0]*c.kernel[1], 2),
		bias: randomValues(p.Type, c.outputs, 3), residual: randomValues(p.Type, count, 4),
	}
	buffer := func(content []byte) *emulation.Buffer { return emulation.NewBuffer(t, content, offset*int(p.Size())) }
	d.out = buffer(make([]byte, count*int(p.Size())))
	d.conv = cuda.Conv{
		Type: p.Type, TensorFloat: p.tensorFloat, Images: int64(c.images), Height: int64(c.height), Width: int64(c.width),
		OutputHeight: int64(height), OutputWidth: int64(width), PadTop: int64(c.pads[0]), PadLeft: int64(c.pads[1]),
		Strides:   [2]int64{int64(c.strides[0]), int64(c.strides[1])},
		Dilations: [2]int64{int64(c.dilations[0]), int64(c.dilations[1])},
		ConvWeights: cuda.ConvWeights{
			Outputs: int64(c.outputs), Groups: int64(c.groups), GroupChannels: int64(c.channels / c.groups),
			KernelHeight: int64(c.kernel[0]), KernelWidth: int64(c.kernel[1]), Size: p.Size(),
		},
		X: buffer(emulation.Encode(p.Type, d.x)).Operand(), Y: d.out.Operand(),
	}
	d.conv.Sums = emulation.NewBuffer(t, make([]byte, 8*4*c.images*height*width*(c.outputs+3)), 0).Operand()
	d.conv.Form = d.conv.FormFor(p.Type, p.tensorFloat)
	d.conv.W = emulation.NewBuffer(t, d.conv.Pack(emulation.Encode(p.Type, d.weights)), 0).Operand()
	d.conv.Activation, d.conv.ResidualLast = c.activation, c.last
	if c.bias {
		d.conv.Bias = emulation.NewBuffer(t, emulation.Encode(p.Type, d.bias), 0).Operand()
	}
	if c.residual {
		d.conv.Residual = buffer(emulation.Encode(p.Type, d.residual)).Operand()
	}
	return d
}

// want computes the convolution in float64.
func (c convCase) want(d *convData) []float64 {
	var list []float64
	height, width := c.outputSize()
	for image := range c.images {
		for row := range height {
			for column := range width {
				for output := range c.outputs {
					value := c.sum(d, image, row, column, output)
					if c.bias {
						value += d.bias[output]
					}
					residual := 0.0
					if c.residual {
						residual = d.residual[len(list)]
					}
					if !c.last {
						value += residual
					}
					value = c.activation.At(value)
					if c.last {
						value += residual
					}
					list = append(list, value)
				}
			}
		}
	}
	return list
}

// sum adds the products of one element of the output.
func (c convCase) sum(d *convData, image, row, column, output int) (sum float64) {
	each := c.channels / c.groups
	first := output / (c.outputs / c.groups) * each
	for y := range c.kernel[0] {
		for x := range c.kernel[1] {
			down, across := row*c.strides[0]-c.pads[0]+y*c.dilations[0], column*c.strides[1]-c.pads[1]+x*c.dilations[1]
			if down < 0 || across < 0 || down >= c.height || across >= c.width {
				continue
			}
			for channel := range each {
				sum += d.x[((image*c.height+down)*c.width+across)*c.channels+first+channel] * d.weights[((output*each+channel)*c.kernel[0]+y)*c.kernel[1]+x]
			}
		}
	}
	return sum
}

// convCases reach every tile and variant, paddings that are larger than the kernel, and everything uneven.
func convCases() []convCase {
	relu, swish := activation.Activation{Kind: activation.Relu}, activation.Activation{Kind: activation.HardSwish}
	cases := []convCase{
		square(2, 9, 3, 16, 1, 3, 2, 1, 1), square(1, 8, 3, 20, 1, 4, 4, 1, 0), square(1, 5, 1, 7, 1, 5, 1, 1, 2), square(1, 6, 5, 9, 1, 3, 1, 2, 2),
		square(2, 7, 16, 40, 1, 3, 1, 1, 1), square(1, 11, 8, 24, 1, 3, 1, 1, 1), square(3, 6, 8, 128, 1, 3, 1, 1, 1), square(3, 4, 24, 33, 1, 1, 1, 1, 0),
		square(1, 5, 8, 24, 1, 1, 2, 1, 0), square(2, 5, 32, 24, 4, 3, 1, 1, 1), square(1, 6, 8, 36, 2, 3, 2, 2, 3), square(1, 3, 16, 12, 1, 3, 1, 1, 5),
		square(3, 4, 128, 16, 1, 3, 1, 1, 1), square(1, 3, 115, 9, 1, 3, 1, 1, 1), square(1, 2, 1040, 12, 1, 1, 1, 1, 0),
		square(1, 4, 6, 12, 6, 3, 1, 1, 1), square(1, 9, 8, 8, 1, 7, 2, 1, 3),
	}
	for i := range cases {
		cases[i].bias, cases[i].residual = i%3 != 1, i%2 == 0
		cases[i].activation = []activation.Activation{relu, swish, {}}[i%3]
	}
	uneven := square(2, 7, 8, 19, 1, 3, 1, 1, 0)
	uneven.kernel, uneven.strides, uneven.dilations, uneven.pads = [2]int{2, 4}, [2]int{3, 1}, [2]int{2, 1}, [4]int{1, 0, 2, 3}
	uneven.residual, uneven.last, uneven.activation = true, true, swish
	return append(cases, uneven)
}

func depthwiseCases() []convCase {
	swish := activation.Activation{Kind: activation.HardSwish}
	cases := []convCase{
		square(2, 7, 16, 16, 16, 3, 1, 1, 1), square(1, 8, 16, 16, 16, 3, 2, 1, 1), square(1, 7, 24, 24, 24, 5, 1, 1, 2), square(2, 9, 8, 8, 8, 5, 2, 1, 2),
		square(1, 8, 8, 8, 8, 7, 1, 1, 3), square(1, 9, 8, 8, 8, 7, 2, 1, 3), square(1, 8, 16, 16, 16, 3, 1, 3, 3), square(1, 3, 8, 8, 8, 3, 1, 1, 5),
		square(2, 7, 13, 13, 13, 3, 1, 1, 1), square(1, 8, 58, 58, 58, 3, 2, 1, 1), square(2, 7, 10, 10, 10, 3, 1, 1, 1), square(1, 6, 3, 3, 3, 5, 1, 1, 2),
	}
	for i := range cases {
		cases[i].bias, cases[i].residual, cases[i].last = i%3 != 1, i%2 == 0, i%4 == 0
		cases[i].activation = []activation.Activation{swish, {}}[i%2]
	}
	return cases
}

// checkConvs runs cases with every tile, and demands that they reach all kernels of the sources.
func checkConvs(t *testing.T, cases []convCase, sources ...string) {
	library := emulation.Open(t)
	missing := kernelsIn(t, sources...)
	for _, p := range productTypes {
		for _, c := range cases {
			t.Run(p.name()+"/"+c.String(), func(t *testing.T) {
				for _, offset := range []int{0, 1} {
					d := c.data(t, p, offset)
					want := c.want(d)
					for _, d.conv.Multiprocessors = range []int64{1, 4, 108} {
						clear(d.out.Bytes())
						launches, err := d.conv.Plan()
						runAll(t, library, launches, err)
						delete(missing, launches[0].Kernel)
						if len(launches) > 1 && d.conv.WorkspaceBytes() == 0 {
							t.Error("sums are shared, and no memory was asked for")
						}
						emulation.Compare(t, launches[0].Kernel, p.Type, d.out.Bytes(), want, p.tolerance(c.kernel[0]*c.kernel[1]*c.channels/c.groups))
					}
				}
			})
		}
	}
	if len(missing) > 0 {
		t.Errorf("no case runs %v", slices.Sorted(maps.Keys(missing)))
	}
}

func TestConv(t *testing.T) { checkConvs(t, convCases(), "conv_?f*.cu", "conv_f*.cu") }

func TestDepthwise(t *testing.T) { checkConvs(t, depthwiseCases(), "depthwise_*.cu") }

// TestConvImagesAreIndependent proves that an image's bits depend neither on the number of images nor on the tile.
func TestConvImagesAreIndependent(t *testing.T) {
	library := emulation.Open(t)
	for _, p := range productTypes {
		for _, c := range []convCase{square(3, 7, 16, 40, 1, 3, 1, 1, 1), square(3, 6, 16, 16, 16, 3, 1, 1, 1), square(3, 5, 16, 72, 1, 1, 1, 1, 0),
			square(3, 3, 128, 16, 1, 3, 1, 1, 1), square(3, 2, 1040, 12, 1, 1, 1, 1, 0)} {
			d := c.data(t, p, 0)
			var want []byte
			for _, variant := range []struct{ images, multiprocessors int64 }{{3, 1}, {3, 108}, {1, 1}, {1, 108}} {
				d.conv.Images, d.conv.Multiprocessors = variant.images, variant.multiprocessors
				launches, err := d.conv.Plan()
				runAll(t, library, launches, err)
				if want == nil {
					want = bytes.Clone(d.out.Bytes())
				}
				if size := len(want) / 3 * int(variant.images); !bytes.Equal(d.out.Bytes()[:size], want[:size]) {
					t.Errorf("%s: %d images differ from the same of 3", launches[0].Kernel, variant.images)
				}
			}
		}
	}
}
