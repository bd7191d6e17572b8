package cuda_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/inferd/inferd/kernels/cuda"
	"github.com/inferd/inferd/kernels/cuda/emulation"
)

// narrowLimits are the least and greatest values of a quantized type.
func narrowLimits(t cuda.Type) (least, greatest float64) {
	if t == cuda.Int8 {
		return -128, 127
	}
	return 0, 255
}

func TestQuantize(t *testing.T) {
	library := emulation.Open(t)
	for _, float := range floatTypes {
		for _, narrow := range []cuda.Type{cuda.Int8, cuda.Uint8, cuda.Int32} {
			for _, c := range []struct {
				before, scales, after int64
				offset                int
			}{{1, 1, 1, 0}, {1, 1, 80, 0}, {7, 1, 11, 0}, {3, 1, 16, 1}, {2, 3, 32, 0}, {2, 5, 7, 0}, {9, 32, 1, 0}, {4, 17, 1, 0}, {600, 16, 1, 0}} {
				for _, dequantize := range []bool{false, true} {
					if narrow == cuda.Int32 && !dequantize {
						continue
					}
					q := cuda.Quantize{Dequantize: dequantize, Float: float, Narrow: narrow, Before: c.before, Scales: c.scales, After: c.after}
					t.Run(fmt.Sprintf("%v/%v/%v/%v", float, narrow, c, dequantize), func(t *testing.T) { checkQuantize(t, library, q, c.offset) })
				}
			}
		}
	}
}

func checkQuantize(t *testing.T, library *emulation.Library, q cuda.Quantize, offset int) {
	count := int(q.Before * q.Scales * q.After)
	scales := randomValues(q.Float, int(q.Scales), 41)
	for i := range scales {
		scales[i] = math.Abs(scales[i])/64 + 1.0/128
	}
	scales = emulation.Decode(q.Float, emulation.Encode(q.Float, scales))
	zeros, hasZero := make([]float64, q.Scales), q.Before != 7
	for i := range zeros {
		if hasZero {
			zeros[i] = float64(i*37%100 + 3)
		}
	}
	from, to, x := q.Float, q.Narrow, randomValues(q.Float, count, 42)
	if q.Dequantize {
		from, to = to, from
		for i := range x {
			if x[i] = math.Round(x[i] * 30); q.Narrow == cuda.Uint8 {
				x[i] = math.Abs(x[i])
			}
		}
	}
	want := make([]float64, count)
	for i := range want {
		s := int64(i) / q.After % q.Scales
		if q.Dequantize {
			want[i] = (x[i] - zeros[s]) * scales[s]
			continue
		}
		least, greatest := narrowLimits(q.Narrow)
		want[i] = min(max(math.RoundToEven(float64(float32(x[i])/float32(scales[s])))+zeros[s], least), greatest)
	}
	source := emulation.NewBuffer(t, emulation.Encode(from, x), offset*int(from.Size()))
	y := emulation.NewBuffer(t, make([]byte, count*int(to.Size())), offset*int(to.Size()))
	q.X, q.Y, q.Scale = source.Operand(), y.Operand(), emulation.NewBuffer(t, emulation.Encode(q.Float, scales), 0).Operand()
	if hasZero {
		q.Zero = emulation.NewBuffer(t, emulation.Encode(q.Narrow, zeros), 0).Operand()
	}
	launches, err := q.Plan()
	runAll(t, library, launches, err)
	tolerance := emulation.Tolerance{}
	if q.Dequantize {
		tolerance = emulation.Rounding(q.Float)
	}
	emulation.Compare(t, launches[0].Kernel, to, y.Bytes(), want, tolerance)
}

func TestDynamicQuantize(t *testing.T) {
	library := emulation.Open(t)
	for _, c := range []struct {
		count       int
		shift, size float64
		offset      int
	}{{1, 0, 0, 0}, {0, 0, 0, 0}, {5, 3, 1, 0}, {16, -3, 1, 0}, {1000, 0, 2, 4}, {5000, 0.5, 1, 0}, {9001, -100, 30, 0}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			x := randomValues(cuda.Float32, c.count, 43)
			least, greatest := 0.0, 0.0
			for i := range x {
				x[i] = float64(float32(x[i]*c.size + c.shift))
				least, greatest = min(least, x[i]), max(greatest, x[i])
			}
			scale := float32(1)
			if least != greatest {
				scale = (float32(greatest) - float32(least)) / 255
			}
			zero := min(max(math.RoundToEven(float64(-float32(least)/scale)), 0), 255)
			want := make([]float64, c.count)
			for i := range want {
				want[i] = min(max(math.RoundToEven(float64(float32(x[i])/scale))+zero, 0), 255)
			}
			y := emulation.NewBuffer(t, make([]byte, c.count), c.offset)
			scaleBuffer, zeroBuffer := emulation.NewBuffer(t, make([]byte, 4), 0), emulation.NewBuffer(t, make([]byte, 1), 0)
			d := cuda.DynamicQuantize{
				Count: int64(c.count), X: emulation.NewBuffer(t, emulation.Encode(cuda.Float32, x), c.offset).Operand(), Y: y.Operand(),
				Scale: scaleBuffer.Operand(), Zero: zeroBuffer.Operand(),
			}
			d.Workspace = emulation.NewBuffer(t, make([]byte, d.WorkspaceBytes()), 0).Operand()
			launches, err := d.Plan()
			runAll(t, library, launches, err)
			emulation.Compare(t, "elements", cuda.Uint8, y.Bytes(), want, emulation.Tolerance{})
			if got := math.Float32frombits(binary.LittleEndian.Uint32(scaleBuffer.Bytes())); got != scale {
				t.Errorf("the scale is %v, want %v", got, scale)
			}
			if got := zeroBuffer.Bytes()[0]; float64(got) != zero {
				t.Errorf("the zero point is %v, want %v", got, zero)
			}
		})
	}
}
