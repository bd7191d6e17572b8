package oip

import (
	"encoding/binary"
	"math"
	"strconv"
	"unsafe"

	"github.com/valyala/fastjson"

	"github.com/inferd/inferd/daemon/tensor"
)

// Elements returns the number of elements that the shape announces.
func (in *Input) Elements() int64 {
	count, _ := tensor.Elements(in.Shape) // decodeInput has checked it
	return count
}

// StringBytes returns the bytes of all elements of a BYTES input, without length prefixes, after checking that there are as many as the
// shape announces.
func (in *Input) StringBytes() (int64, error) {
	if in.JSON == nil {
		return in.binaryStringBytes()
	}
	var total, count int64
	err := in.eachJSON(in.JSON, func(v *fastjson.Value) error {
		element, err := v.StringBytes()
		total += int64(len(element))
		count++
		return err
	})
	if err == nil {
		err = in.checkCount(count)
	}
	return total, err
}

func (in *Input) binaryStringBytes() (int64, error) {
	rest, count := in.Binary, int64(0)
	for ; len(rest) > 0; count++ {
		if len(rest) < 4 {
			return 0, badRequest("input %q: element %d: %d bytes are left, want a length of 4 bytes", in.Name, count, len(rest))
		}
		size := binary.LittleEndian.Uint32(rest)
		if uint64(size) > uint64(len(rest)-4) {
			return 0, badRequest("input %q: element %d has length %d, but %d bytes are left", in.Name, count, size, len(rest)-4)
		}
		rest = rest[4+size:]
	}
	return int64(len(in.Binary)) - 4*count, in.checkCount(count)
}

func (in *Input) checkCount(count int64) error {
	if want := in.Elements(); count != want {
		return badRequest("input %q has %d elements, its shape %v announces %d", in.Name, count, in.Shape, want)
	}
	return nil
}

// CopyStrings writes the elements of a BYTES input: the records, and their bytes one after the other into text, which has room for
// StringBytes.
func (in *Input) CopyStrings(records []string, text []byte) error {
	at := 0
	put := func(element []byte) {
		n := copy(text, element)
		records[at] = unsafe.String(unsafe.SliceData(text), n)
		text = text[n:]
		at++
	}
	if in.JSON != nil {
		return in.eachJSON(in.JSON, func(v *fastjson.Value) error {
			put(v.GetStringBytes())
			return nil
		})
	}
	for rest := in.Binary; len(rest) > 0; {
		size := binary.LittleEndian.Uint32(rest)
		put(rest[4 : 4+size])
		rest = rest[4+size:]
	}
	return nil
}

// Copy writes the elements of an input other than BYTES to staging, which has room for them.
func (in *Input) Copy(staging []byte) error {
	if in.JSON == nil {
		if len(in.Binary) != len(staging) {
			return badRequest("input %q has %d bytes, its type %s and shape %v announce %d", in.Name, len(in.Binary), Datatype(in.DType), in.Shape, len(staging))
		}
		copy(staging, in.Binary)
		return in.checkBooleans()
	}
	put := putters[in.DType]
	if put == nil {
		return badRequest("input %q: %s has no JSON form, send it as binary data", in.Name, Datatype(in.DType))
	}
	size, at := int(in.DType.Size()), 0
	err := in.eachJSON(in.JSON, func(v *fastjson.Value) error {
		if at+size > len(staging) {
			return in.checkCount(int64(at/size) + 1)
		}
		if !put(staging[at:], v, in.scratch) {
			return badRequest("input %q: element %d is %s, which is no %s", in.Name, at/size, text(v), Datatype(in.DType))
		}
		at += size
		return nil
	})
	if err != nil {
		return err
	}
	return in.checkCount(int64(at / size))
}

// checkBooleans refuses bytes other than 0 and 1 in a BOOL input: kernels may rely on that.
func (in *Input) checkBooleans() error {
	if in.DType != tensor.Bool {
		return nil
	}
	for i, b := range in.Binary {
		if b > 1 {
			return badRequest("input %q: element %d is the byte %d, a BOOL is 0 or 1", in.Name, i, b)
		}
	}
	return nil
}

// eachJSON visits the scalars of a nested or flat array in row-major order. The parser bounds the depth.
func (in *Input) eachJSON(v *fastjson.Value, visit func(*fastjson.Value) error) error {
	switch v.Type() {
	case fastjson.TypeArray:
		for _, element := range v.GetArray() {
			if err := in.eachJSON(element, visit); err != nil {
				return err
			}
		}
		return nil
	case fastjson.TypeObject, fastjson.TypeNull:
		return badRequest("input %q: 'data' contains a JSON %v", in.Name, v.Type())
	}
	if in.DType == tensor.String && v.Type() != fastjson.TypeString {
		return badRequest("input %q: 'data' contains %s, want strings", in.Name, text(v))
	}
	return visit(v)
}

// putters write one JSON scalar as an element, with some scratch memory, and report whether it has the type and range.
var putters = [...]func(to []byte, v *fastjson.Value, scratch []byte) bool{
	tensor.Bool:   putBool,
	tensor.Uint8:  putUnsigned(math.MaxUint8, func(to []byte, x uint64) { to[0] = byte(x) }),
	tensor.Uint16: putUnsigned(math.MaxUint16, func(to []byte, x uint64) { binary.LittleEndian.PutUint16(to, uint16(x)) }),
	tensor.Uint32: putUnsigned(math.MaxUint32, func(to []byte, x uint64) { binary.LittleEndian.PutUint32(to, uint32(x)) }),
	tensor.Uint64: putUnsigned(math.MaxUint64, binary.LittleEndian.PutUint64),
	tensor.Int8:   putSigned(math.MinInt8, math.MaxInt8, func(to []byte, x uint64) { to[0] = byte(x) }),
	tensor.Int16:  putSigned(math.MinInt16, math.MaxInt16, func(to []byte, x uint64) { binary.LittleEndian.PutUint16(to, uint16(x)) }),
	tensor.Int32:  putSigned(math.MinInt32, math.MaxInt32, func(to []byte, x uint64) { binary.LittleEndian.PutUint32(to, uint32(x)) }),
	tensor.Int64:  putSigned(math.MinInt64, math.MaxInt64, binary.LittleEndian.PutUint64),
	tensor.Float32: func(to []byte, v *fastjson.Value, scratch []byte) bool {
		x, ok := parseFloat(v, 32, scratch)
		binary.LittleEndian.PutUint32(to, math.Float32bits(float32(x)))
		return ok
	},
	tensor.Float64: func(to []byte, v *fastjson.Value, scratch []byte) bool {
		x, ok := parseFloat(v, 64, scratch)
		binary.LittleEndian.PutUint64(to, math.Float64bits(x))
		return ok
	},
	tensor.BFloat16: nil, // has no JSON form; the last one gives the array its length
}

// parseFloat rounds correctly, which the parser's own conversion does not, and fails where the number is too large for its type.
// scratch is room for the digits.
func parseFloat(v *fastjson.Value, bits int, scratch []byte) (float64, bool) {
	if v.Type() != fastjson.TypeNumber {
		return 0, false
	}
	digits := v.MarshalTo(scratch[:0])
	x, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(digits), len(digits)), bits)
	return x, err == nil
}

// putBool accepts true, false, 1 and 0.
func putBool(to []byte, v *fastjson.Value, _ []byte) bool {
	switch v.Type() {
	case fastjson.TypeTrue:
		to[0] = 1
	case fastjson.TypeFalse:
		to[0] = 0
	default:
		x, err := v.Uint64()
		if err != nil || x > 1 {
			return false
		}
		to[0] = byte(x)
	}
	return true
}

func putUnsigned(largest uint64, put func([]byte, uint64)) func([]byte, *fastjson.Value, []byte) bool {
	return func(to []byte, v *fastjson.Value, _ []byte) bool {
		x, err := v.Uint64()
		if err != nil || x > largest {
			return false
		}
		put(to, x)
		return true
	}
}

func putSigned(smallest, largest int64, put func([]byte, uint64)) func([]byte, *fastjson.Value, []byte) bool {
	return func(to []byte, v *fastjson.Value, _ []byte) bool {
		x, err := v.Int64()
		if err != nil || x < smallest || x > largest {
			return false
		}
		put(to, uint64(x))
		return true
	}
}
