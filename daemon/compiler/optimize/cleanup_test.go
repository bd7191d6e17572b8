package optimize

import (
	"math"
	"testing"
	"time"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

func TestRemoveIdentity(t *testing.T) {
	negativeZero := float32(math.Copysign(0, -1))
	cases := []struct {
		name  string
		build func(b *builder, x *graph.Value) *graph.Value
		want  string
	}{
		{"identity", func(b *builder, x *graph.Value) *graph.Value { return b.node("Identity", nil, x) }, ""},
		{"cast to the same type", func(b *builder, x *graph.Value) *graph.Value {
			return b.node("Cast", graph.Attributes{"to": int64(tensor.Float32)}, x)
		}, ""},
		{"cast to another type", func(b *builder, x *graph.Value) *graph.Value {
			return b.node("Cast", graph.Attributes{"to": int64(tensor.Int64)}, x)
		}, "Cast:1"},
		{"times one", func(b *builder, x *graph.Value) *graph.Value { return b.node("Mul", nil, x, b.number(1)) }, ""},
		{"one times", func(b *builder, x *graph.Value) *graph.Value { return b.node("Mul", nil, b.number(1), x) }, ""},
		{"times two", func(b *builder, x *graph.Value) *graph.Value { return b.node("Mul", nil, x, b.number(2)) }, "Mul:1"},
		{"times one that broadcasts", func(b *builder, x *graph.Value) *graph.Value {
			ones := graph.NewConstant("ones", tensor.FromSlice([]float32{1, 1, 1}, 3, 1, 1))
			return b.node("Mul", nil, x, ones)
		}, "Expand:1"},
		{"divided by one", func(b *builder, x *graph.Value) *graph.Value { return b.node("Div", nil, x, b.number(1)) }, ""},
		{"one divided by", func(b *builder, x *graph.Value) *graph.Value { return b.node("Div", nil, b.number(1), x) }, "Div:1"},
		{"divided by four", func(b *builder, x *graph.Value) *graph.Value { return b.node("Div", nil, x, b.number(4)) }, "Mul:1"},
		{"divided by three", func(b *builder, x *graph.Value) *graph.Value { return b.node("Div", nil, x, b.number(3)) }, "Div:1"},
		{"plus minus zero", func(b *builder, x *graph.Value) *graph.Value { return b.node("Add", nil, x, b.number(negativeZero)) }, ""},
		{"plus zero changes minus zero", func(b *builder, x *graph.Value) *graph.Value { return b.node("Add", nil, x, b.number(0)) }, "Add:1"},
		{"minus zero", func(b *builder, x *graph.Value) *graph.Value { return b.node("Sub", nil, x, b.number(0)) }, ""},
		{"slice of everything", func(b *builder, x *graph.Value) *graph.Value {
			return b.node("Slice", nil, x, b.list(0), b.list(math.MaxInt64), b.list(1))
		}, ""},
		{"backward slice", func(b *builder, x *graph.Value) *graph.Value {
			return b.node("Slice", nil, x, b.list(-1), b.list(math.MinInt64), b.list(1), b.list(-1))
		}, "Slice:1"},
		{"slice of a part", func(b *builder, x *graph.Value) *graph.Value {
			return b.node("Slice", nil, x, b.list(1), b.list(3), b.list(1))
		}, "Slice:1"},
		{"concat of one", func(b *builder, x *graph.Value) *graph.Value {
			return b.node("Concat", graph.Attributes{"axis": int64(0)}, x)
		}, ""},
		{"two transposes that cancel", func(b *builder, x *graph.Value) *graph.Value {
			return b.node("Transpose", nil, b.node("Transpose", graph.Attributes{"perm": []int64{1, 0}}, x))
		}, ""},
		{"reshapes to the same shape", func(b *builder, x *graph.Value) *graph.Value {
			flat := b.node("Reshape", nil, x, b.list(-1))
			return b.node("Reshape", nil, b.node("Unsqueeze", nil, flat, b.list(0)), b.list(-1, 4))
		}, ""},
		{"reshapes", func(b *builder, x *graph.Value) *graph.Value {
			flat := b.node("Flatten", graph.Attributes{"axis": int64(0)}, x)
			return b.node("Reshape", nil, b.node("Squeeze", nil, flat, b.list(0)), b.list(-1, 2))
		}, "Reshape:1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBuilder(t)
			b.output(c.build(b, b.floats("x", "batch", 4)))
			b.prepare(fusesNone)
			b.want(c.want)
		})
	}
}

func TestReshapeTargetIsContent(t *testing.T) {
	b := newBuilder(t)
	x := b.floats("x", "batch", "seq", 64)
	shape := b.node("Shape", nil, x)
	batch := b.node("Gather", graph.Attributes{"axis": int64(0)}, shape, b.list(0))
	target := b.node("Concat", graph.Attributes{"axis": int64(0)}, batch, b.list(-1), b.list(4, 16))
	b.output(b.node("Reshape", nil, x, target))
	b.prepare(fusesNone)
	b.want("Reshape:1")
	n := b.only("Reshape")
	if n.Inputs[1].Producer != nil || len(n.Inputs[1].Content) != 4 || n.Inputs[1].Content[1].String() != "seq" {
		t.Errorf("the target is %v with content %v", n.Inputs[1], n.Inputs[1].Content)
	}
}

func TestTransposeOfOnesIsReshape(t *testing.T) {
	b := newBuilder(t)
	x := b.floats("x", "batch", 1, 1, 8)
	b.output(b.node("Transpose", graph.Attributes{"perm": []int64{0, 3, 1, 2}}, x))
	b.prepare(fusesNone)
	b.want("Reshape:1")
}

func TestMoveTranspose(t *testing.T) {
	turn := func(b *builder, v *graph.Value, perm ...int64) *graph.Value {
		return b.node("Transpose", graph.Attributes{"perm": perm}, v)
	}
	cases := []struct {
		name  string
		build func(b *builder) *graph.Value
		want  string
	}{
		{"parted by a reshape that joins", func(b *builder) *graph.Value {
			x := turn(b, b.floats("x", "seq", 2, "batch", 4), 0, 2, 1, 3)
			return turn(b, b.node("Reshape", nil, x, b.list(0, 0, 8)), 1, 0, 2)
		}, "Reshape:1 Transpose:1"},
		{"parted by a reshape that splits", func(b *builder) *graph.Value {
			x := turn(b, b.floats("x", "seq", 8, "batch"), 2, 0, 1)
			return turn(b, b.node("Reshape", nil, x, b.list(0, 0, 4, 2)), 1, 0, 3, 2)
		}, "Reshape:1 Transpose:2"},
		{"embedding", func(b *builder) *graph.Value {
			return turn(b, b.node("Gather", nil, b.weights(5, 4), b.input("ids", tensor.Int64, "batch", "seq")), 1, 0, 2)
		}, "Gather:1 Transpose:1"},
		{"embedding with its columns moved", func(b *builder) *graph.Value {
			return turn(b, b.node("Gather", nil, b.weights(5, 4), b.input("ids", tensor.Int64, "batch", "seq")), 0, 2, 1)
		}, "Gather:1 Transpose:1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBuilder(t)
			b.output(c.build(b))
			checkEqual(t, b.g, map[string]int64{"batch": 2, "seq": 3})
			b.prepare(fusesNone)
			b.want(c.want)
			for _, n := range b.g.Nodes {
				if c.name == "embedding" && n.Op == "Transpose" && n.Input(0).Name != "ids" {
					t.Errorf("the rows are transposed, not the indices:\n%s", dump(b.g))
				}
			}
		})
	}
}

func TestFoldConstants(t *testing.T) {
	b := newBuilder(t)
	x := b.floats("x", "batch", 4)
	root := b.node("Sqrt", nil, b.number(16))
	b.output(b.node("Mul", nil, x, b.node("Div", nil, root, b.number(8))))
	b.prepare(fusesNone)
	b.want("Mul:1")
	if got := tensor.Slice[float32](b.only("Mul").Inputs[1].Constant)[0]; got != 0.5 {
		t.Errorf("folded to %v", got)
	}
}

func TestFoldRefusesHugeConstants(t *testing.T) {
	b := newBuilder(t)
	huge := b.node("ConstantOfShape", nil, b.list(1<<20, 1<<20))
	b.output(b.node("Relu", nil, huge))
	b.prepare(fusesNone)
	b.want("ConstantOfShape:1 Relu:1")
}

func TestFoldBudget(t *testing.T) {
	b := newBuilder(t)
	// Each product is within the limit, all of them together are not.
	for i := range 64 {
		column := graph.NewConstant("column", tensor.FromSlice(make([]float32, 512), 512, 1))
		row := graph.NewConstant("row", tensor.FromSlice(make([]float32, 512), 1, 512))
		tensor.Slice[float32](row.Constant)[i] = 1
		b.output(b.node("Add", nil, column, row))
	}
	if err := Run(b.g, Target{Fuses: fusesNone, Evaluate: evaluate, FoldLimit: 1 << 20}, Prepare, nil); err != nil {
		t.Fatal(err)
	}
	if left := len(b.g.Nodes); left == 0 || left == 64 {
		t.Errorf("%d of 64 nodes are left", left)
	}
}

func TestMergeCommon(t *testing.T) {
	b := newBuilder(t)
	x := b.floats("x", "batch", 4)
	first, second := b.node("LeakyRelu", graph.Attributes{"alpha": float32(0.1)}, x), b.node("LeakyRelu", graph.Attributes{"alpha": float32(0.1)}, x)
	third := b.node("LeakyRelu", graph.Attributes{"alpha": float32(0.2)}, x)
	b.output(b.node("Add", nil, b.node("Mul", nil, first, second), third))
	b.prepare(fusesNone)
	b.want("Add:1 LeakyRelu:2 Mul:1")
}

func TestMergeCommonKeepsRandom(t *testing.T) {
	x := &graph.Value{Name: "x", DType: tensor.Float32, Ranked: true, Shape: []graph.Dim{graph.Int(2)}}
	g := &graph.Graph{Inputs: []*graph.Value{x}}
	for range 2 {
		n := &graph.Node{Op: "RandomNormalLike", Inputs: []*graph.Value{x}}
		v := &graph.Value{Name: "y", DType: tensor.Float32, Ranked: true, Shape: x.Shape, Producer: n}
		n.Outputs = []*graph.Value{v}
		g.Nodes, g.Outputs, g.OutputNames = append(g.Nodes, n), append(g.Outputs, v), append(g.OutputNames, "y")
	}
	prepare(t, g, Target{Fuses: fusesNone})
	if len(g.Nodes) != 2 {
		t.Errorf("%d random nodes are left of 2", len(g.Nodes))
	}
}

func TestConditions(t *testing.T) {
	between := func(b *builder, operator string, limit int64) *graph.Value {
		x := b.floats("x", "batch", "seq")
		seq := b.node("Gather", graph.Attributes{"axis": int64(0)}, b.node("Shape", nil, x), b.integer(1))
		positions := b.node("Range", nil, b.integer(2), b.node("Add", nil, seq, b.integer(2)), b.integer(1))
		return b.node("Where", nil, b.node(operator, nil, positions, b.integer(limit)), x, b.number(0))
	}
	cases := []struct {
		operator string
		limit    int64
		want     string
	}{
		{"GreaterOrEqual", 2, ""}, {"Greater", 1, ""}, {"Greater", 2, "Greater:1 Range:1 Where:1"},
		{"Less", 2, "Expand:1"}, {"LessOrEqual", 1, "Expand:1"}, {"LessOrEqual", 2, "LessOrEqual:1 Range:1 Where:1"},
	}
	for _, c := range cases {
		b := newBuilder(t)
		b.output(between(b, c.operator, c.limit))
		b.prepare(fusesNone)
		b.want(c.want)
	}
}

func TestMaskGather(t *testing.T) {
	build := func(b *builder, offset int64) {
		mask := b.input("mask", tensor.Bool, "batch", "seq")
		shape := b.node("Shape", nil, mask)
		pick := func(i int64) *graph.Value {
			return b.node("Gather", graph.Attributes{"axis": int64(0)}, shape, b.integer(i))
		}
		count := func(n *graph.Value) *graph.Value { return b.node("Range", nil, b.integer(0), n, b.integer(1)) }
		rows := b.node("Unsqueeze", nil, count(pick(0)), b.list(1, 2, 3))
		columns := b.node("Unsqueeze", nil, count(pick(1)), b.list(0, 1, 2))
		index := b.node("Add", nil, columns, b.node("Mul", nil, rows, pick(1)))
		if offset != 0 {
			index = b.node("Add", nil, index, b.integer(offset))
		}
		flat := b.node("Flatten", graph.Attributes{"axis": int64(2)}, mask)
		flat = b.node("Reshape", nil, flat, b.list(-1))
		b.output(b.node("Gather", graph.Attributes{"axis": int64(0)}, flat, index))
	}
	b := newBuilder(t)
	build(b, 0)
	b.prepare(fusesNone)
	b.want("Reshape:1")

	shifted := newBuilder(t)
	build(shifted, -1)
	shifted.prepare(fusesNone)
	if n := shifted.only("Gather"); n == nil {
		t.Error("a gather that starts elsewhere is no reshape")
	}
}

func TestSinkExpand(t *testing.T) {
	b := newBuilder(t)
	x, small := b.floats("x", "batch", "seq", 8), b.floats("small", "batch", 1, 8)
	shape := b.node("Shape", nil, x)
	b.output(b.node("Add", nil, x, b.node("Neg", nil, b.node("Expand", nil, small, shape))))
	b.prepare(fusesNone)
	b.want("Add:1 Neg:1")
	if got := b.only("Neg").Output(0).Type(); got != "float32[batch,1,8]" {
		t.Errorf("the negation works on %s", got)
	}
}

func TestExpandBeforeReductionStays(t *testing.T) {
	b := newBuilder(t)
	small := b.floats("small", "batch", 1, 8)
	b.output(b.node("ReduceSum", nil, b.node("Expand", nil, small, b.list(1, 5, 8)), b.list(1)))
	b.prepare(fusesNone)
	b.want("Expand:1 ReduceSum:1")
}

func TestZeroStatesAreDropped(t *testing.T) {
	for _, value := range []float32{0, 1} {
		b := newBuilder(t)
		x := b.floats("x", "seq", "batch", 3)
		batch := b.node("Gather", graph.Attributes{"axis": int64(0)}, b.node("Shape", nil, x), b.list(1))
		shape := b.node("Concat", graph.Attributes{"axis": int64(0)}, b.list(2), batch, b.list(4))
		states := b.node("ConstantOfShape", graph.Attributes{"value": tensor.FromSlice([]float32{value}, 1)}, shape)
		state := b.node("Slice", nil, states, b.list(1), b.list(2), b.list(0))
		attributes := graph.Attributes{"hidden_size": int64(4)}
		b.output(b.node("LSTM", attributes, x, b.weights(1, 16, 3), b.weights(1, 16, 4), nil, nil, state, state))
		b.prepare(fusesNone)
		if value == 0 {
			b.want("LSTM:1")
		} else {
			b.want("ConstantOfShape:1 LSTM:1 Slice:1")
		}
	}
}

func TestSpecializeReadsNoLargeConstant(t *testing.T) {
	b := newBuilder(t)
	x := b.floats("x", 1, 256)
	gone := graph.NewConstant("gone", &tensor.Tensor{DType: tensor.Float32, Shape: []int64{256, 256}})
	b.g.Nodes = append(b.g.Nodes, &graph.Node{Name: "relu", Op: "Relu", Version: 14, Inputs: []*graph.Value{gone}})
	relu := b.g.Nodes[0]
	y := &graph.Value{Name: "y", DType: tensor.Float32, Ranked: true, Shape: gone.Shape, Producer: relu}
	relu.Outputs = []*graph.Value{y}
	b.output(b.node("MatMul", nil, x, y))
	if err := Run(b.g, Target{Fuses: fusesAll, Evaluate: evaluate, FoldLimit: 1 << 20}, Specialize, nil); err != nil {
		t.Fatal(err)
	}
	b.want("MatMul:1 Relu:1")
}

// TestLongChains: a hostile model of many nodes takes time in proportion.
func TestLongChains(t *testing.T) {
	b := newBuilder(t)
	x := b.floats("x", "batch", 4, 6, 6)
	y := x
	for i := range 4000 {
		switch i % 4 {
		case 0:
			y = b.node("Mul", nil, y, b.number(1.5))
		case 1:
			y = b.node("Add", nil, y, x)
		case 2:
			y = b.node("Transpose", graph.Attributes{"perm": []int64{0, 1, 3, 2}}, y)
		case 3:
			y = b.node("Reshape", nil, y, b.list(0, 4, 6, 6))
		}
	}
	b.output(y)
	start := time.Now()
	if err := Run(b.g, Target{Fuses: fusesAll, Evaluate: evaluate, FoldLimit: 1 << 20}, Prepare, nil); err != nil {
		t.Fatal(err)
	}
	if spent := time.Since(start); spent > 20*time.Second {
		t.Errorf("%v for 4000 nodes", spent)
	} else {
		t.Logf("%v for 4000 nodes, %d left", spent, len(b.g.Nodes))
	}
}
