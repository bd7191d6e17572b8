package reference

import (
	"math"
	"slices"

	"github.com/inferd/inferd/daemon/tensor"
)

// alongAxis transforms each line of elements along the attribute axis in place.
func alongAxis(fallback int64, transform func(line []float64)) operator {
	return func(c *call) []*tensor.Tensor {
		in := c.in(0)
		before, size, after := around(in.Shape, c.axis(fallback, len(in.Shape)))
		values, line := floats(in), make([]float64, size)
		for b := range before {
			for a := range after {
				first := b*size*after + a
				for i := range line {
					line[i] = values[first+int64(i)*after]
				}
				transform(line)
				for i, x := range line {
					values[first+int64(i)*after] = x
				}
			}
		}
		return one(fromFloats(in.DType, in.Shape, values))
	}
}

// softmax subtracts the largest element first, so that no exponential overflows.
func softmax(line []float64) {
	if len(line) == 0 {
		return
	}
	largest, sum := slices.Max(line), 0.0
	for i, x := range line {
		line[i] = math.Exp(x - largest)
		sum += line[i]
	}
	for i := range line {
		line[i] /= sum
	}
}

func logSoftmax(line []float64) {
	if len(line) == 0 {
		return
	}
	largest, sum := slices.Max(line), 0.0
	for _, x := range line {
		sum += math.Exp(x - largest)
	}
	for i := range line {
		line[i] -= largest + math.Log(sum)
	}
}

// hardmax is 1 at the first largest element.
func hardmax(line []float64) {
	if len(line) == 0 {
		return
	}
	best := slices.Index(line, slices.Max(line))
	fill(line, 0)
	line[max(best, 0)] = 1
}

// moments returns the mean and 1/sqrt(variance + epsilon).
func moments(values []float64, epsilon float32) (mean, inverse float64) {
	mean = average(values)
	variance := 0.0
	for _, x := range values {
		variance += (x - mean) * (x - mean)
	}
	return mean, 1 / math.Sqrt(variance/float64(len(values))+float64(epsilon))
}

// layerNormalization normalises over the axes from attribute axis on, and gives mean and inverse deviation as outputs 1 and 2.
func layerNormalization(c *call) []*tensor.Tensor {
	x, scale := c.in(0), c.in(1)
	axis := c.axis(-1, len(x.Shape))
	rows, size := product(x.Shape[:axis]), product(x.Shape[axis:])
	values, scales := floats(x), floats(scale)
	scaleAt := broadcastOffsets(scale.Shape, x.Shape)
	bias, biasAt := []float64{0}, make([]int64, len(values))
	if b := c.optional(2); b != nil {
		bias, biasAt = floats(b), broadcastOffsets(b.Shape, x.Shape)
	}
	means, inverses := make([]float64, rows), make([]float64, rows)
	for r := range rows {
		row := values[r*size : (r+1)*size]
		mean, inverse := moments(row, c.Float("epsilon", 1e-5))
		for i := range row {
			at := r*size + int64(i)
			row[i] = (row[i]-mean)*inverse*scales[scaleAt[at]] + bias[biasAt[at]]
		}
		means[r], inverses[r] = mean, inverse
	}
	shape := slices.Clone(x.Shape)
	fillInts(shape[axis:], 1)
	stash := tensor.DType(c.Int("stash_type", int64(tensor.Float32)))
	return []*tensor.Tensor{fromFloats(x.DType, x.Shape, values), fromFloats(stash, shape, means), fromFloats(stash, shape, inverses)}
}

func fillInts(values []int64, x int64) {
	for i := range values {
		values[i] = x
	}
}

// rmsNormalization divides by the root of the mean square over the axes from attribute axis on.
func rmsNormalization(c *call) []*tensor.Tensor {
	x, scale := c.in(0), c.in(1)
	axis := c.axis(-1, len(x.Shape))
	rows, size := product(x.Shape[:axis]), product(x.Shape[axis:])
	values, scales, scaleAt := floats(x), floats(scale), broadcastOffsets(scale.Shape, x.Shape)
	for r := range rows {
		sum := 0.0
		row := values[r*size : (r+1)*size]
		for _, v := range row {
			sum += v * v
		}
		inverse := 1 / math.Sqrt(sum/float64(size)+float64(c.Float("epsilon", 1e-5)))
		for i := range row {
			row[i] *= inverse * scales[scaleAt[r*size+int64(i)]]
		}
	}
	return one(fromFloats(x.DType, x.Shape, values))
}

// batchNormalization uses the given mean and variance; training is not supported.
func batchNormalization(c *call) []*tensor.Tensor {
	if c.Int("training_mode", 0) != 0 {
		fail("training mode is not supported")
	}
	x := c.in(0)
	scale, bias, mean, variance := floats(c.in(1)), floats(c.in(2)), floats(c.in(3)), floats(c.in(4))
	channels := int64(1)
	if len(x.Shape) > 1 {
		channels = x.Shape[1]
	}
	values := floats(x)
	size := int64(1)
	if len(x.Shape) > 2 {
		size = product(x.Shape[2:])
	}
	for i := range values {
		ch := int64(i) / size % channels
		values[i] = (values[i]-mean[ch])/math.Sqrt(variance[ch]+float64(c.Float("epsilon", 1e-5)))*scale[ch] + bias[ch]
	}
	return one(fromFloats(x.DType, x.Shape, values))
}

// instanceNormalization normalises each plane, scale and bias a channel.
func instanceNormalization(c *call) []*tensor.Tensor {
	x := c.in(0)
	return one(normalizeGroups(c, x.Shape[1]))
}

// groupNormalization normalises num_groups groups of channels, scale and bias a channel.
func groupNormalization(c *call) []*tensor.Tensor {
	return one(normalizeGroups(c, c.Int("num_groups", 1)))
}

func normalizeGroups(c *call, groups int64) *tensor.Tensor {
	x := c.in(0)
	scale, bias := floats(c.in(1)), floats(c.in(2))
	channels := x.Shape[1]
	if groups <= 0 || channels%groups != 0 {
		fail("%d channels do not form %d groups", channels, groups)
	}
	values, size := floats(x), product(x.Shape[2:])
	length := channels / groups * size
	for g := range x.Shape[0] * groups {
		group := values[g*length : (g+1)*length]
		mean, inverse := moments(group, c.Float("epsilon", 1e-5))
		for i := range group {
			ch := (g*length + int64(i)) / size % channels
			group[i] = (group[i]-mean)*inverse*scale[ch] + bias[ch]
		}
	}
	return fromFloats(x.DType, x.Shape, values)
}

// lpNormalization divides each line along the axis by its norm of order p; a line of zeros stays.
func lpNormalization(c *call) []*tensor.Tensor {
	p := c.Int("p", 2)
	return alongAxis(-1, func(line []float64) {
		norm := 0.0
		for _, x := range line {
			if p == 1 {
				norm += math.Abs(x)
			} else {
				norm += x * x
			}
		}
		if p != 1 {
			norm = math.Sqrt(norm)
		}
		for i := range line {
			if norm != 0 {
				line[i] /= norm
			}
		}
	})(c)
}

// localResponseNormalization divides by a power of the sum of squares over neighbouring channels.
func localResponseNormalization(c *call) []*tensor.Tensor {
	x := c.in(0)
	size := c.Int("size", 1)
	alpha, beta, bias := float64(c.Float("alpha", 1e-4)), float64(c.Float("beta", 0.75)), float64(c.Float("bias", 1))
	channels, plane := x.Shape[1], product(x.Shape[2:])
	values, out := floats(x), make([]float64, x.Elements())
	for i := range out {
		at := int64(i)
		ch := at / plane % channels
		sum := 0.0
		for other := max(ch-(size-1)/2, 0); other <= min(ch+size/2, channels-1); other++ {
			v := values[at+(other-ch)*plane]
			sum += v * v
		}
		out[i] = values[i] / math.Pow(bias+alpha/float64(size)*sum, beta)
	}
	return one(fromFloats(x.DType, x.Shape, out))
}
