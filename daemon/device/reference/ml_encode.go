package reference

import (
	"math"
	"slices"

	"github.com/inferd/inferd/daemon/tensor"
)

// scaler is (x - offset) * scale, with one offset and scale a feature or for all, computed in float32 as its output is.
func scaler(c *call) []*tensor.Tensor {
	x := c.in(0)
	offset, scale := c.Floats("offset"), c.Floats("scale")
	width := 1
	if len(x.Shape) > 0 {
		width = int(x.Shape[len(x.Shape)-1])
	}
	if len(offset) != 1 && len(offset) != width || len(scale) != 1 && len(scale) != width {
		fail("%d offsets and %d scales for %d features", len(offset), len(scale), width)
	}
	values := floats(x)
	for i, v := range values {
		column := i % max(width, 1)
		values[i] = (v - float64(offset[column%len(offset)])) * float64(scale[column%len(scale)])
	}
	return one(fromFloats(tensor.Float32, x.Shape, values))
}

// normalizer divides each row by its norm; a row whose norm is 0 stays.
func normalizer(c *call) []*tensor.Tensor {
	x := c.in(0)
	values, count, width := rows(x)
	kind := c.Text("norm", "MAX")
	for r := range count {
		row := values[r*width : (r+1)*width]
		norm := rowNorm(kind, row)
		for i := range row {
			if norm != 0 {
				row[i] /= norm
			}
		}
	}
	return one(fromFloats(tensor.Float32, x.Shape, values))
}

func rowNorm(kind string, row []float64) float64 {
	norm := 0.0
	switch kind {
	case "MAX":
		norm = math.Inf(-1)
		for _, v := range row {
			norm = max(norm, v)
		}
	case "L1":
		for _, v := range row {
			norm += math.Abs(v)
		}
	case "L2":
		for _, v := range row {
			norm += v * v
		}
		norm = math.Sqrt(norm)
	default:
		fail("unknown norm %q", kind)
	}
	return norm
}

// oneHotEncoder appends an axis of categories that is 1 at the element's own.
func oneHotEncoder(c *call) []*tensor.Tensor {
	x := c.in(0)
	var position []int // of each element's category, -1 where there is none
	width := 0
	if texts := c.Texts("cats_strings"); x.DType == tensor.String {
		width = len(texts)
		for _, text := range x.Strings {
			position = append(position, slices.Index(texts, text))
		}
	} else {
		numbers := c.Ints("cats_int64s")
		width = len(numbers)
		for _, v := range integers(castTo(x, tensor.Int64)) {
			position = append(position, slices.Index(numbers, v))
		}
	}
	out := newTensor(tensor.Float32, append(slices.Clone(x.Shape), int64(width)))
	for i, at := range position {
		switch {
		case at >= 0:
			tensor.Slice[float32](out)[i*width+at] = 1
		case c.Int("zeros", 1) == 0:
			failData("element %d is in no category", i)
		}
	}
	return one(out)
}
