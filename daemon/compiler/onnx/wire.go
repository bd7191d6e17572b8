package onnx

import (
	"fmt"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// message is a protobuf message within the file: its bytes and the offset of the first, for errors.
type message struct {
	data   []byte
	offset int
	budget *budget // nil: unlimited
}

// budget counts the messages and names of a file. An empty one takes two bytes there and hundreds in memory, so that a file of nothing
// else could exhaust the host.
type budget struct{ messages, names int }

// Bounds of a file; the largest real models have some hundred thousand of each.
const (
	maxMessages = 1 << 20
	maxNames    = 1 << 23
)

// maxName bounds the names of nodes, values, operators and attributes: errors and inlined functions repeat them.
const maxName = 4 << 10

func (b *budget) take(messages, names int) error {
	if b == nil {
		return nil
	}
	b.messages -= messages
	b.names -= names
	if b.messages < 0 || b.names < 0 {
		return fmt.Errorf("the file holds more than %d messages or %d names", maxMessages, maxNames)
	}
	return nil
}

// field is one decoded field: scalar for varint, fixed32 and fixed64, data for length-delimited ones.
type field struct {
	number protowire.Number
	kind   protowire.Type
	offset int
	scalar uint64
	data   []byte
	budget *budget
}

// each calls visit for the fields in order.
func (m message) each(visit func(f field) error) error {
	for at := 0; at < len(m.data); {
		number, kind, n := protowire.ConsumeTag(m.data[at:])
		if n < 0 {
			return fmt.Errorf("byte %d: malformed field tag: %w", m.offset+at, protowire.ParseError(n))
		}
		at += n
		f := field{number: number, kind: kind, offset: m.offset + at, budget: m.budget}
		n = f.consume(m.data[at:])
		if n < 0 {
			return fmt.Errorf("byte %d: malformed or truncated field %d: %w", f.offset, number, protowire.ParseError(n))
		}
		at += n
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

// consume decodes the value at the start of data and returns its length, or a negative protowire error.
func (f *field) consume(data []byte) (n int) {
	switch f.kind {
	case protowire.VarintType:
		f.scalar, n = protowire.ConsumeVarint(data)
	case protowire.Fixed32Type:
		var bits uint32
		bits, n = protowire.ConsumeFixed32(data)
		f.scalar = uint64(bits)
	case protowire.Fixed64Type:
		f.scalar, n = protowire.ConsumeFixed64(data)
	case protowire.BytesType:
		f.data, n = protowire.ConsumeBytes(data)
		f.offset += n - len(f.data)
	default: // groups occur in no ONNX message
		n = protowire.ConsumeFieldValue(f.number, protowire.Fixed64Type, nil)
	}
	return n
}

func (f field) want(kind protowire.Type, name string) error {
	if f.kind != kind {
		return fmt.Errorf("byte %d: %s has wire type %d, want %d", f.offset, name, f.kind, kind)
	}
	return nil
}

func (f field) integer(name string) (int64, error) {
	return int64(f.scalar), f.want(protowire.VarintType, name)
}

func (f field) float(name string) (float32, error) {
	return math.Float32frombits(uint32(f.scalar)), f.want(protowire.Fixed32Type, name)
}

func (f field) bytes(name string) ([]byte, error) {
	return f.data, f.want(protowire.BytesType, name)
}

// text returns a copy of a string field.
func (f field) text(name string) (string, error) {
	if err := f.want(protowire.BytesType, name); err != nil {
		return "", err
	}
	if !utf8.Valid(f.data) {
		return "", fmt.Errorf("byte %d: %s is not UTF-8", f.offset, name)
	}
	return string(f.data), nil
}

// name returns a copy of a string field that identifies something.
func (f field) name(what string) (string, error) {
	if len(f.data) > maxName {
		return "", fmt.Errorf("byte %d: %s has %d bytes; at most %d are supported", f.offset, what, len(f.data), maxName)
	}
	if err := f.budget.take(0, 1); err != nil {
		return "", err
	}
	return f.text(what)
}

func (f field) message(name string) (message, error) {
	if err := f.want(protowire.BytesType, name); err != nil {
		return message{}, err
	}
	return message{f.data, f.offset, f.budget}, f.budget.take(1, 0)
}

// varints appends the integers of a repeated field, packed or not.
func (f field) varints(list []int64, name string) ([]int64, error) {
	if f.kind == protowire.VarintType {
		return append(list, int64(f.scalar)), nil
	}
	if err := f.want(protowire.BytesType, name); err != nil {
		return nil, err
	}
	for at := 0; at < len(f.data); {
		value, n := protowire.ConsumeVarint(f.data[at:])
		if n < 0 {
			return nil, fmt.Errorf("byte %d: %s: %w", f.offset+at, name, protowire.ParseError(n))
		}
		list = append(list, int64(value))
		at += n
	}
	return list, nil
}

// fixed32s appends the bit patterns of a repeated 4-byte field, packed or not.
func (f field) fixed32s(list []uint32, name string) ([]uint32, error) {
	if f.kind == protowire.Fixed32Type {
		return append(list, uint32(f.scalar)), nil
	}
	if err := f.want(protowire.BytesType, name); err != nil {
		return nil, err
	}
	if len(f.data)%4 != 0 {
		return nil, fmt.Errorf("byte %d: %s has %d bytes, no multiple of 4", f.offset, name, len(f.data))
	}
	for at := 0; at < len(f.data); at += 4 {
		bits, _ := protowire.ConsumeFixed32(f.data[at:])
		list = append(list, bits)
	}
	return list, nil
}

// fixed64s appends the bit patterns of a repeated 8-byte field, packed or not.
func (f field) fixed64s(list []uint64, name string) ([]uint64, error) {
	if f.kind == protowire.Fixed64Type {
		return append(list, f.scalar), nil
	}
	if err := f.want(protowire.BytesType, name); err != nil {
		return nil, err
	}
	if len(f.data)%8 != 0 {
		return nil, fmt.Errorf("byte %d: %s has %d bytes, no multiple of 8", f.offset, name, len(f.data))
	}
	for at := 0; at < len(f.data); at += 8 {
		bits, _ := protowire.ConsumeFixed64(f.data[at:])
		list = append(list, bits)
	}
	return list, nil
}
