package reference

import (
	"math"
	"slices"

	"github.com/inferd/inferd/daemon/tensor"
)

// binarizer is 1 above the threshold and 0 elsewhere.
func binarizer(c *call) []*tensor.Tensor {
	threshold := float64(c.Float("threshold", 0))
	return unary(func(x float64) float64 { return float64(positive(x > threshold)) })(c)
}

// imputer replaces one value, NaN among them, by a value for all features or one a feature.
func imputer(c *call) []*tensor.Tensor {
	in := c.in(0)
	width := int64(1)
	if len(in.Shape) > 0 {
		width = max(in.Shape[len(in.Shape)-1], 1)
	}
	pick := func(count, i int) int {
		if count != 1 && int64(count) != width {
			fail("%d imputed values for %d features", count, width)
		}
		return i % int(width) % count
	}
	if numbers := c.Ints("imputed_value_int64s"); in.DType == tensor.Int64 && numbers != nil {
		values := integers(in)
		for i, x := range values {
			if x == c.Int("replaced_value_int64", 0) {
				values[i] = numbers[pick(len(numbers), i)]
			}
		}
		return one(fromIntegers(in.DType, in.Shape, values))
	}
	numbers, replaced := c.Floats("imputed_value_floats"), float64(c.Float("replaced_value_float", 0))
	values := floats(in)
	for i, x := range values {
		if x == replaced || math.IsNaN(x) && math.IsNaN(replaced) {
			values[i] = float64(numbers[pick(len(numbers), i)])
		}
	}
	return one(fromFloats(in.DType, in.Shape, values))
}

// labelEncoder maps keys to values of the same position, others to a default.
func labelEncoder(c *call) []*tensor.Tensor {
	in := c.in(0)
	keys, values := c.list("keys"), c.list("values")
	if keys == nil || values == nil || keys.Elements() != values.Elements() || keys.DType != in.DType {
		fail("keys %v and values %v do not map %v", keys, values, in)
	}
	fallback := c.mapDefault(values.DType)
	both := newTensor(values.DType, []int64{values.Elements() + 1})
	copyElements(both, 0, values, 0, values.Elements())
	copyElements(both, values.Elements(), fallback, 0, 1)
	find := c.finder(in, keys)
	from := make([]int64, in.Elements())
	for i := range from {
		if from[i] = find(i); from[i] < 0 {
			from[i] = values.Elements()
		}
	}
	return one(take(both, in.Shape, from))
}

// finder returns a function that gives the position among the keys of element i, or -1.
func (c *call) finder(in, keys *tensor.Tensor) func(i int) int64 {
	switch {
	case in.DType == tensor.String:
		return func(i int) int64 { return int64(slices.Index(keys.Strings, in.Strings[i])) }
	case in.DType.IsFloat():
		list, elements := floats(keys), floats(in)
		return func(i int) int64 {
			return int64(slices.IndexFunc(list, func(key float64) bool {
				return key == elements[i] || math.IsNaN(key) && math.IsNaN(elements[i])
			}))
		}
	}
	list, elements := integers(keys), integers(in)
	return func(i int) int64 { return int64(slices.Index(list, elements[i])) }
}

// list reads the attribute prefix_tensor, or the one of prefix_strings, _int64s and _floats that is set.
func (c *call) list(prefix string) *tensor.Tensor {
	if t := c.Tensor(prefix + "_tensor"); t != nil {
		return t.Reshaped(t.Elements())
	}
	if texts := c.Texts(prefix + "_strings"); texts != nil {
		return tensor.FromStrings(texts, int64(len(texts)))
	}
	if numbers := c.Ints(prefix + "_int64s"); numbers != nil {
		return tensor.FromSlice(numbers, int64(len(numbers)))
	}
	if numbers := c.Floats(prefix + "_floats"); numbers != nil {
		return tensor.FromSlice(numbers, int64(len(numbers)))
	}
	return nil
}

// mapDefault is the value of keys that are not in the map.
func (c *call) mapDefault(dtype tensor.DType) *tensor.Tensor {
	if t := c.Tensor("default_tensor"); t != nil {
		return t
	}
	switch dtype {
	case tensor.String:
		return tensor.FromStrings([]string{c.Text("default_string", "_Unused")})
	case tensor.Int64:
		return tensor.FromSlice([]int64{c.Int("default_int64", -1)})
	case tensor.Float32:
		return tensor.FromSlice([]float32{c.Float("default_float", float32(math.Copysign(0, -1)))})
	}
	return newTensor(dtype, nil)
}
