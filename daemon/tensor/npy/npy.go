// Package npy reads and writes NumPy's .npy files, format versions 1 to 3 (NEP 1).
//
// In: a file's bytes, or a tensor. Out: a tensor that shares the bytes, or a file. Row-major little-endian arrays of booleans, integers and floats
// are covered; strings, records and column-major arrays are refused with an error that says so.
package npy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unsafe"

	"github.com/inferd/inferd/daemon/tensor"
)

const magic = "\x93NUMPY"

// alignment of the data in a file, as NumPy writes it.
const alignment = 64

var descriptions = map[tensor.DType]string{
	tensor.Bool: "|b1", tensor.Int8: "|i1", tensor.Uint8: "|u1", tensor.Int16: "<i2", tensor.Uint16: "<u2", tensor.Int32: "<i4",
	tensor.Uint32: "<u4", tensor.Int64: "<i8", tensor.Uint64: "<u8", tensor.Float16: "<f2", tensor.Float32: "<f4", tensor.Float64: "<f8",
}

var (
	descrPattern   = regexp.MustCompile(`'descr':\s*'([^']*)'`)
	fortranPattern = regexp.MustCompile(`'fortran_order':\s*(True|False)`)
	shapePattern   = regexp.MustCompile(`'shape':\s*\(([^)]*)\)`)
)

// Parse reads a file. The tensor shares its bytes where they are aligned.
func Parse(file []byte) (*tensor.Tensor, error) {
	header, data, err := splitHeader(file)
	if err != nil {
		return nil, err
	}
	dtype, shape, err := parseHeader(header)
	if err != nil {
		return nil, err
	}
	size, err := tensor.ByteSize(dtype, shape)
	if err != nil {
		return nil, err
	}
	if size != int64(len(data)) {
		return nil, fmt.Errorf("npy: %s takes %d bytes, the file has %d after its header", tensor.Describe(dtype, shape), size, len(data))
	}
	if len(data) > 0 && uintptr(unsafe.Pointer(&data[0]))%uintptr(dtype.Size()) != 0 {
		t := tensor.New(dtype, shape...)
		copy(t.Data, data)
		return t, nil
	}
	return &tensor.Tensor{DType: dtype, Shape: shape, Data: data}, nil
}

func splitHeader(file []byte) (header, data []byte, err error) {
	rest, ok := bytes.CutPrefix(file, []byte(magic))
	if !ok || len(rest) < 4 {
		return nil, nil, errors.New("npy: the file does not begin as an .npy file does")
	}
	major, rest := rest[0], rest[2:]
	size := uint64(binary.LittleEndian.Uint16(rest))
	rest2 := rest[2:]
	if major > 1 {
		if len(rest) < 4 {
			return nil, nil, errors.New("npy: the header is cut off")
		}
		size, rest2 = uint64(binary.LittleEndian.Uint32(rest)), rest[4:]
	}
	if major < 1 || major > 3 {
		return nil, nil, fmt.Errorf("npy: format version %d is not supported", major)
	}
	if size > uint64(len(rest2)) {
		return nil, nil, errors.New("npy: the header is cut off")
	}
	return rest2[:size], rest2[size:], nil
}

func parseHeader(header []byte) (tensor.DType, []int64, error) {
	descr, order, shape := descrPattern.FindSubmatch(header), fortranPattern.FindSubmatch(header), shapePattern.FindSubmatch(header)
	if descr == nil || order == nil || shape == nil {
		return 0, nil, errors.New("npy: the header lacks 'descr', 'fortran_order' or 'shape'")
	}
	dtype := tensor.Undefined
	for d, description := range descriptions {
		if description == string(descr[1]) {
			dtype = d
		}
	}
	if dtype == tensor.Undefined {
		return 0, nil, fmt.Errorf("npy: element type %q is not supported", descr[1])
	}
	dims := []int64{}
	for part := range strings.SplitSeq(string(shape[1]), ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		dim, err := strconv.ParseInt(part, 10, 64)
		if err != nil || dim < 0 {
			return 0, nil, fmt.Errorf("npy: dimension %q is not a size", part)
		}
		dims = append(dims, dim)
	}
	if string(order[1]) == "True" && len(dims) > 1 {
		return 0, nil, errors.New("npy: the array is column-major; save numpy.ascontiguousarray of it")
	}
	return dtype, dims, nil
}

// Append appends the tensor as a file of format version 1.
func Append(file []byte, t *tensor.Tensor) ([]byte, error) {
	descr, ok := descriptions[t.DType]
	if !ok {
		return nil, fmt.Errorf("npy: element type %v is not supported", t.DType)
	}
	var dims strings.Builder
	for _, dim := range t.Shape {
		fmt.Fprintf(&dims, "%d, ", dim)
	}
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, strings.TrimSuffix(dims.String(), " "))
	prefix := len(magic) + 4
	padding := (alignment - (prefix+len(header)+1)%alignment) % alignment
	header += strings.Repeat(" ", padding) + "\n"
	file = append(file, magic...)
	file = append(file, 1, 0)
	file = binary.LittleEndian.AppendUint16(file, uint16(len(header)))
	file = append(file, header...)
	return append(file, t.Data...), nil
}
