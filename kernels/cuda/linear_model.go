package cuda

import (
	"encoding/binary"
	"math"

	"github.com/inferd/inferd/kernels/cpu/linear"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// LinearModel is a LinearClassifier or LinearRegressor in the form that linear_model.cu reads.
type LinearModel struct {
	// Packed holds coefficients, intercepts and labels; a device keeps a copy.
	Packed []byte

	model             *linear.Model
	intercepts, names int64 // where they begin
	classifier        bool
}

// PackLinearModel checks the attributes and packs them.
func PackLinearModel(l *linear.Linear) (*LinearModel, error) {
	model, err := linear.Compile(l)
	if err != nil {
		return nil, err
	}
	m := &LinearModel{model: model, classifier: l.Classifier}
	put := func(list []float32, count int) {
		for i := range count {
			value := float32(0)
			if i < len(list) {
				value = list[i]
			}
			m.Packed = binary.LittleEndian.AppendUint32(m.Packed, math.Float32bits(value))
		}
		m.Packed = append(m.Packed, make([]byte, -len(m.Packed)&(wideBytes-1))...)
	}
	put(l.Coefficients, len(l.Coefficients))
	m.intercepts = int64(len(m.Packed))
	put(l.Intercepts, model.Outputs())
	m.names = int64(len(m.Packed))
	for i := range max(model.Outputs(), 2) {
		m.Packed = binary.LittleEndian.AppendUint64(m.Packed, uint64(l.Label(i)))
	}
	return m, nil
}

// Features returns the number of features of a row.
func (m *LinearModel) Features() int { return m.model.Features() }

// LinearModelCall says where a linear model reads and writes.
type LinearModelCall struct {
	Rows       int64
	X          step.Operand // float32 [Rows, features]
	Packed     step.Operand
	Scores     step.Operand // float32 [Rows, width]
	Labels     step.Operand // int64 [Rows]; absent for a regressor
	Processors int64        // multiprocessors that the blocks should fill; 0: 128
}

// linearModelArguments mirrors LinearModelArguments.
type linearModelArguments struct {
	x, weights, intercepts, names, scores, label address
	rows, features, outputs                      int64
	transform, second, wide                      int32
}

// Plan returns the launch; none where there are no rows.
func (m *LinearModel) Plan(call LinearModelCall) ([]Launch, error) {
	if call.Rows == 0 {
		return nil, nil
	}
	const threads = 128
	processors := call.Processors
	if processors == 0 {
		processors = 128
	}
	kernel, rows := "linear_model_f32", int64(4*threads/warp)
	if divide(call.Rows, rows) < 2*processors {
		kernel, rows = "linear_model_few_f32", threads/warp
	}
	if divide(call.Rows, rows) > maxGrid {
		return nil, unsupported("a linear model on %d rows", call.Rows)
	}
	features, outputs := int64(m.model.Features()), int64(m.model.Outputs())
	at := func(offset int64) step.Operand {
		o := call.Packed
		o.Offset += offset
		return o
	}
	l := newLaunch("linear_model", kernel, grid1(divide(call.Rows, rows)), grid1(threads), 0, linearModelArguments{
		rows: call.Rows, features: features, outputs: outputs, transform: int32(m.model.Transform()), second: flag(m.model.Width() != m.model.Outputs()),
		wide: flag(wide(Float32, features, call.X, call.Packed) > 1),
	}, call.X, at(0), at(m.intercepts), at(m.names), call.Scores, call.Labels)
	l.FLOP = 2 * call.Rows * features * outputs
	l.Bytes = 4*call.Rows*(features+int64(m.model.Width())) + 8*call.Rows*int64(flag(m.classifier)) + int64(len(m.Packed))
	return []Launch{l}, nil
}

// OneHot describes OneHotEncoder of ai.onnx.ml for int64.
type OneHot struct {
	Table    *linear.OneHot
	Elements int64
	X        step.Operand // int64 [Elements]
	Packed   step.Operand // the table's packed bytes
	Y        step.Operand // float32 [Elements, categories]
	Unknown  step.Operand // int64 count of elements that are no category; may be absent
}

// oneHotArguments mirrors OneHotArguments.
type oneHotArguments struct {
	x, table, y, unknown address
	elements, categories int64
	slotBits             int32
}

// Plan returns the launch; none where there are no elements.
func (o OneHot) Plan() ([]Launch, error) {
	if o.Elements == 0 {
		return nil, nil
	}
	const threads = 256
	categories := int64(o.Table.Categories())
	kernel, count := "one_hot_i64", wide(Float32, categories, o.Y)
	if count == 1 {
		kernel = "one_hot_one_i64"
	}
	blocks := min(divide(o.Elements*categories/count, threads), 1<<20)
	l := newLaunch("one_hot", kernel, grid1(blocks), grid1(threads), 0,
		oneHotArguments{elements: o.Elements, categories: categories, slotBits: int32(o.Table.SlotBits())}, o.X, o.Packed, o.Y, o.Unknown)
	l.Bytes = o.Elements * (8 + 4*categories)
	return []Launch{l}, nil
}
