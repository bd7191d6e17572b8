package hostile

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/inferd/inferd/daemon/tensor"
)

// hostileModel is a file with the stage at which it must fail, and what the error must name. An empty text means that it may be served.
type hostileModel struct {
	name  string
	data  []byte
	stage stage
	text  string
}

// TestHostileGraphs compiles and runs files that are valid protobuf and no valid model, or one that is far too large.
func TestHostileGraphs(t *testing.T) {
	o := options(t)
	var all []hostileModel
	for _, list := range [][]hostileModel{structures(), sizes(), operators(), indexModels(), trees(), functions()} {
		all = append(all, list...)
	}
	for _, m := range all {
		bounded(t, m.name, maxAllocated, func() {
			reached, err := attempt(m.data, o, nil)
			switch {
			case m.text == "" && err != nil:
				t.Errorf("%s: %s: %v", m.name, reached, err)
			case m.text != "" && (err == nil || reached != m.stage || !strings.Contains(err.Error(), m.text)):
				t.Errorf("%s: %s: %v, want an error at %s with %q", m.name, reached, err, m.stage, m.text)
			case err != nil && len(err.Error()) > 4096:
				t.Errorf("%s: an error of %d bytes", m.name, len(err.Error()))
			}
		})
	}
}

// structures are faults of the graph as such.
func structures() []hostileModel {
	x, y := input("x", "batch", 4), output("y")
	relu := node("Relu", list{"x"}, list{"y"})
	var missing []byte
	for i := range 500 {
		missing = append(missing, node(fmt.Sprintf("Foo%d", i%3), list{"x"}, list{fmt.Sprint("o", i)})...)
	}
	long := strings.Repeat("n", 1<<20)
	return []hostileModel{
		{"cycle", model(x, y, node("Add", list{"x", "b"}, list{"a"}), node("Relu", list{"a"}, list{"b"}), node("Relu", list{"b"}, list{"y"})), load, "cycle"},
		{"self", model(x, y, node("Add", list{"x", "y"}, list{"y"})), load, "cycle"},
		{"missing initialiser", model(x, y, node("Add", list{"x", "w"}, list{"y"})), load, `input 1 ("w") is neither`},
		{"value twice", model(x, y, relu, node("Abs", list{"x"}, list{"y"})), load, `output "y" is already defined`},
		{"input twice", model(x, x, y, relu), load, `input "x"`},
		{"initialiser twice", model(x, y, constant("w", floats(4)), constant("w", floats(4)), relu), load, `initializer "w"`},
		{"node produces an input", model(x, y, relu, node("Abs", list{"y"}, list{"x"})), load, `output "x" is already defined`},
		{"output unconnected", model(x, output("z"), relu), load, `output "z" is neither`},
		{"output twice", model(x, y, y, relu), load, `output "y" is declared twice`},
		{"no outputs", model(x, relu), load, "no outputs"},
		{"no graph", joined(integer(1, 8), opset(8, "", 17)), load, "no graph"},
		{"no opset", joined(integer(1, 8), field(7, x, y, relu)), load, "does not import the operator set"},
		{"opset from the future", joined(opset(8, "", 9999), field(7, x, y, relu)), load, "9999"},
		{"opset beyond 32 bits", joined(opset(8, "", 1<<40), field(7, x, y, relu)), load, "out of range"},
		{"unknown operators", model(x, y, relu, missing), load, `Foo0 (node "o0"), Foo1 (node "o1"), Foo2 (node "o2")`},
		{"unknown domain", model(x, y, in("com.acme", relu)), load, `"com.acme"`},
		{"no inputs", model(y, constant("w", floats(2)), node("Relu", list{"w"}, list{"y"})), served, ""},
		{"input is the output", model(x, output("x")), served, ""},
		{"constant is the output", model(x, output("w"), constant("w", floats(3))), served, ""},
		{"0 elements", model(input("x", "batch", 4), y, constant("w", floats(4, 0)), node("MatMul", list{"x", "w"}, list{"y"})), served, ""},
		{"0 elements reduced", model(x, y, constant("w", floats(0, 4)), node("ReduceMax", list{"w"}, list{"m"}), node("Add", list{"x", "m"}, list{"y"})), served, ""},
		{"control characters", model(input("x\n\x01", "batch", 4), output("\x7fy\r"), node("Relu", list{"x\n\x01"}, list{"\x7fy\r"})), served, ""},
		{"control characters in an error", model(x, y, node("Relu", list{"\n\x1b[31m"}, list{"y"})), load, `"\n\x1b[31m"`},
		{"no UTF-8", model(x, y, node("Relu", list{"\xff\xfe"}, list{"y"})), load, "not UTF-8"},
		{"long value name", model(input(long, "batch"), y, node("Relu", list{long}, list{"y"})), load, "bytes"},
		{"long operator", model(x, y, node(long, list{"x"}, list{"y"})), load, "bytes"},
		{"long graph name", model(field(2, long), x, y, relu), load, "bytes"},
		{"long attribute name", model(x, y, node("Relu", list{"x"}, list{"y"}, attribute(long, 1))), load, "bytes"},
		{"long dimension", model(input("x", strings.Repeat("d", 5000)), y, relu), load, "dimension 0"},
		{"rank 100", model(input("x", many(100, 1)...), y, relu), load, "rank"},
		{"chain", model(x, y, chain(10000, "Relu"), node("Relu", list{"c9999"}, list{"y"})), served, ""},
		{"chain of different operators", model(x, y, chain(10000, "Relu", "Sin", "Neg", "Sqrt"), node("Relu", list{"c9999"}, list{"y"})), served, ""},
		{"1000 inputs", manyInputs(1000), served, ""},
		{"many outputs", manyOutputs(5000), served, ""},
		{"unknown attribute", model(x, y, node("Relu", list{"x"}, list{"y"}, attribute("alpha", 1))), load, `attribute "alpha" is unknown`},
		{"attribute of wrong type", model(x, y, node("Softmax", list{"x"}, list{"y"}, attribute("axis", "one"))), load, `attribute "axis" is text, want int`},
		{"attribute twice", model(x, y, node("Softmax", list{"x"}, list{"y"}, attribute("axis", 1), attribute("axis", 1))), load, `attribute "axis"`},
		{"million attribute values", model(x, y, node("Transpose", list{"x"}, list{"y"}, attribute("perm", make([]int64, 1<<20)))), load, "perm"},
		{"millions of empty nodes", model(bytes.Repeat(field(1, ""), 2<<20)), load, "messages or"},
		{"too many inputs", model(x, y, node("Relu", make(list, 100000, 100000), list{"y"})), load, "Relu"},
	}
}

func many(count int, dim any) []any {
	dims := make([]any, count)
	for i := range dims {
		dims[i] = dim
	}
	return dims
}

// chain is x -> c0 -> c1 ..., with the operators in turn.
func chain(length int, operators ...string) (nodes []byte) {
	from := "x"
	for i := range length {
		to := fmt.Sprint("c", i)
		nodes = append(nodes, node(operators[i%len(operators)], list{from}, list{to})...)
		from = to
	}
	return nodes
}

func manyInputs(count int) []byte {
	var inputs []byte
	var all list
	for i := range count {
		inputs = append(inputs, input(fmt.Sprint("x", i), "batch", 4)...)
		all = append(all, fmt.Sprint("x", i))
	}
	return model(inputs, output("y"), node("Concat", all, list{"y"}, attribute("axis", 1)))
}

func manyOutputs(count int) []byte {
	var parts []byte
	for i := range count {
		parts = append(joined(parts, output(fmt.Sprint("y", i))), node("Neg", list{"x"}, list{fmt.Sprint("y", i)})...)
	}
	return model(input("x", "batch", 4), parts)
}

// sizes are models of few bytes that stand for terabytes.
func sizes() []hostileModel {
	const huge = 1 << 40
	x, y := input("x", "batch", 4), output("y")
	filled := func(shape ...int64) []byte { return constant("shape", integers(shape...)) }
	raw := func(dims ...int64) []byte { // an initialiser that claims dimensions
		var content []byte
		for _, dim := range dims {
			content = append(content, integer(1, dim)...)
		}
		return field(5, content, integer(2, 1), field(8, "w"), field(9, "1234"))
	}
	add := node("Add", list{"x", "w"}, list{"y"})
	return []hostileModel{
		{"initialiser overflows", model(x, y, raw(1<<32, 1<<32, 2), add), load, `tensor "w"`},
		{"initialiser is negative", model(x, y, raw(-4, -1), add), load, `tensor "w"`},
		{"initialiser lacks data", model(x, y, raw(huge), add), load, `tensor "w"`},
		{"input of terabytes", model(input("x", "batch", huge), y, node("Relu", list{"x"}, list{"y"})), specialize, `input x`},
		{"input overflows", model(input("x", "batch", 1<<62, 4), y, node("Relu", list{"x"}, list{"y"})), specialize, `Relu`},
		{"input overflows unread", model(x, input("z", 1<<62, 4), y, node("Relu", list{"x"}, list{"y"})), specialize, `input "z"`},
		{"fill terabytes", model(y, filled(huge), node("ConstantOfShape", list{"shape"}, list{"y"})), specialize, "ConstantOfShape"},
		{"fill overflows", model(y, filled(1<<40, 1<<40), node("ConstantOfShape", list{"shape"}, list{"y"})), load, "ConstantOfShape"},
		{"fill negative", model(y, filled(-2), node("ConstantOfShape", list{"shape"}, list{"y"})), load, "dimension 0 is -2"},
		{"fill and reduce", model(y, filled(huge), node("ConstantOfShape", list{"shape"}, list{"c"}), node("ReduceSum", list{"c"}, list{"y"})), specialize, "ConstantOfShape"},
		{"expand terabytes", model(x, y, filled(huge, 1, 4), node("Expand", list{"x", "shape"}, list{"y"})), specialize, "Expand"},
		{"expand a constant", model(y, constant("w", floats(1)), filled(huge), node("Expand", list{"w", "shape"}, list{"c"}), node("Neg", list{"c"}, list{"y"})), specialize, "Expand"},
		{"tile terabytes", model(x, y, filled(huge, 1), node("Tile", list{"x", "shape"}, list{"y"})), specialize, "Tile"},
		{"tile overflows", model(x, y, filled(1<<62, 1<<62), node("Tile", list{"x", "shape"}, list{"y"})), specialize, "Tile"},
		{"pad terabytes", model(x, y, filled(huge, 0, 0, 0), node("Pad", list{"x", "shape"}, list{"y"})), specialize, "Pad"},
		{"pad below nothing", model(x, y, filled(0, -100, 0, -100), node("Pad", list{"x", "shape"}, list{"y"})), load, "Pad"},
		{"range of terabytes", model(y, constant("a", scalar(0)), constant("b", scalar(huge)), constant("c", scalar(1)), node("Range", list{"a", "b", "c"}, list{"y"})), specialize, "Range"},
		{"range with step 0", model(y, constant("a", scalar(0)), constant("b", scalar(9)), constant("c", scalar(0)), node("Range", list{"a", "b", "c"}, list{"y"})), load, "delta is 0"},
		{"one-hot table", model(x, y, node("Unsqueeze", list{"x", "axes"}, list{"u"}), constant("axes", integers(2)), filled(1, 1, huge), node("Expand", list{"u", "shape"}, list{"e"}), node("MatMul", list{"e", "e"}, list{"y"})), load, "MatMul"},
		{"product of terabytes", model(input("x", 1<<20), input("z", 1<<20), y, node("Unsqueeze", list{"x", "axes"}, list{"u"}), constant("axes", integers(1)), node("Mul", list{"u", "z"}, list{"y"})), specialize, "Mul"},
		{"growth in a chain", model(x, y, doublings(80)), specialize, "Concat"},
	}
}

func scalar(x int64) *tensor.Tensor { return tensor.FromSlice([]int64{x}) }

// doublings concatenates a value with itself again and again.
func doublings(count int) (nodes []byte) {
	from := "x"
	for i := range count {
		to := fmt.Sprint("d", i)
		nodes = append(nodes, node("Concat", list{from, from}, list{to}, attribute("axis", 1))...)
		from = to
	}
	return append(nodes, node("Relu", list{from}, list{"y"})...)
}
