package onnx

import (
	"fmt"
	"math"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// rewrite says how nodes of operator-set versions below a limit become the newest form. The function emits what replaces the node.
type rewrite struct {
	below int
	apply func(im *importer, n *graph.Node) error
}

// always is a limit for operators that have no newest form of their own.
const always = math.MaxInt

var rewrites = map[string]rewrite{
	"Squeeze":                           {13, axesToInput},
	"Unsqueeze":                         {13, axesToInput},
	"ReduceSum":                         {13, axesToInput},
	"ReduceMean":                        {18, axesToInput},
	"ReduceMax":                         {18, axesToInput},
	"ReduceMin":                         {18, axesToInput},
	"ReduceProd":                        {18, axesToInput},
	"ReduceL1":                          {18, axesToInput},
	"ReduceL2":                          {18, axesToInput},
	"ReduceLogSum":                      {18, axesToInput},
	"ReduceLogSumExp":                   {18, axesToInput},
	"ReduceSumSquare":                   {18, axesToInput},
	"Split":                             {13, splitToInput},
	"Slice":                             {10, sliceToInputs},
	"Clip":                              {11, clipToInputs},
	"Pad":                               {11, padToInputs},
	"TopK":                              {10, topKToInput},
	"Upsample":                          {10, upsample},
	"Resize":                            {11, resizeByScales},
	"Softmax":                           {13, softmaxOverRest},
	"LogSoftmax":                        {13, softmaxOverRest},
	"Hardmax":                           {13, softmaxOverRest},
	"BatchNormalization":                {always, batchNormalization},
	"Dropout":                           {always, dropout},
	"ai.onnx.ml.ZipMap":                 {always, zipMap},
	"ai.onnx.ml.LabelEncoder":           {2, labelEncoder},
	"ai.onnx.ml.TreeEnsembleClassifier": {always, treeTensors},
	"ai.onnx.ml.TreeEnsembleRegressor":  {always, treeTensors},
}

// rewrite emits the node in its newest form.
func (im *importer) rewrite(n *graph.Node) error {
	if r, ok := rewrites[n.QualifiedOp()]; ok && n.Version < r.below {
		return r.apply(im, n)
	}
	return im.emit(n)
}

// setInput puts a value at position i, with absent inputs before it where needed.
func setInput(n *graph.Node, i int, v *graph.Value) {
	for len(n.Inputs) <= i {
		n.Inputs = append(n.Inputs, nil)
	}
	n.Inputs[i] = v
}

func constant[T tensor.Element](n *graph.Node, suffix string, values []T, shape ...int64) *graph.Value {
	return graph.NewConstant(n.Name+"/"+suffix, tensor.FromSlice(values, shape...))
}

// moveInts turns an integer-list attribute into an input.
func moveInts(n *graph.Node, attribute string, input int) error {
	list, err := graph.Attribute[[]int64](n, attribute, nil)
	if err != nil {
		return err
	}
	n.Attributes = n.Attributes.Without(attribute)
	if list != nil {
		setInput(n, input, constant(n, attribute, list, int64(len(list))))
	}
	return nil
}

func axesToInput(im *importer, n *graph.Node) error {
	if err := moveInts(n, "axes", 1); err != nil {
		return err
	}
	return im.emit(n)
}

func splitToInput(im *importer, n *graph.Node) error {
	if err := moveInts(n, "split", 1); err != nil {
		return err
	}
	return im.emit(n)
}

func sliceToInputs(im *importer, n *graph.Node) error {
	for i, attribute := range []string{"starts", "ends", "axes"} {
		if err := moveInts(n, attribute, 1+i); err != nil {
			return err
		}
	}
	return im.emit(n)
}

// clipToInputs: absent bounds were the limits of float32, which change nothing.
func clipToInputs(im *importer, n *graph.Node) error {
	for i, attribute := range []string{"min", "max"} {
		bound, err := graph.Attribute(n, attribute, float32(math.NaN()))
		if err != nil {
			return err
		}
		if bound == bound {
			setInput(n, 1+i, constant(n, attribute, []float32{bound}))
		}
	}
	n.Attributes = n.Attributes.Without("min", "max")
	return im.emit(n)
}

func padToInputs(im *importer, n *graph.Node) error {
	if err := moveInts(n, "pads", 1); err != nil {
		return err
	}
	value, err := graph.Attribute(n, "value", float32(0))
	if err != nil {
		return err
	}
	n.Attributes = n.Attributes.Without("value")
	if value != 0 {
		setInput(n, 2, constant(n, "value", []float32{value}))
	}
	return im.emit(n)
}

func topKToInput(im *importer, n *graph.Node) error {
	k, err := graph.Attribute(n, "k", int64(0))
	if err != nil {
		return err
	}
	n.Attributes = n.Attributes.Without("k")
	setInput(n, 1, constant(n, "k", []int64{k}, 1))
	return im.emit(n)
}

// softmaxOverRest: before version 13 an axis meant all axes from it on. The nodes around it vanish where the axis is the last one.
func softmaxOverRest(im *importer, n *graph.Node) error {
	axis, err := graph.Attribute(n, "axis", int64(1))
	if err != nil {
		return err
	}
	n.Attributes = n.Attributes.With("axis", int64(-1))
	if axis == -1 {
		return im.emit(n)
	}
	if len(n.Inputs) != 1 || n.Inputs[0] == nil || len(n.Outputs) != 1 {
		return fmt.Errorf("%d inputs and %d outputs, want 1 and 1", len(n.Inputs), len(n.Outputs))
	}
	x, y := n.Inputs[0], n.Outputs[0]
	shape := &graph.Value{Name: n.Name + "/shape"}
	flat := &graph.Value{Name: n.Name + "/flat"}
	result := &graph.Value{Name: n.Name + "/result"}
	n.Inputs, n.Outputs = []*graph.Value{flat}, []*graph.Value{result}
	return im.emitAll(
		im.derived(n, "Shape", nil, []*graph.Value{x}, shape),
		im.derived(n, "Flatten", graph.Attributes{"axis": axis}, []*graph.Value{x}, flat),
		n,
		im.derived(n, "Reshape", nil, []*graph.Value{result, shape}, y))
}

func (im *importer) emitAll(nodes ...*graph.Node) error {
	for _, n := range nodes {
		if err := im.emit(n); err != nil {
			return err
		}
	}
	return nil
}

// derived makes a node that helps to replace n.
func (im *importer) derived(n *graph.Node, op string, attributes graph.Attributes, inputs []*graph.Value, output *graph.Value) *graph.Node {
	if attributes == nil {
		attributes = graph.Attributes{}
	}
	return &graph.Node{Name: n.Name + "/" + op, Op: op, Version: maxONNXOpset, Attributes: attributes,
		Inputs: inputs, Outputs: []*graph.Value{output}}
}

// batchNormalization drops what only training needs. Unused statistics outputs get no value, so a reader of one is an error.
func batchNormalization(im *importer, n *graph.Node) error {
	training, err := graph.Attribute(n, "training_mode", int64(0))
	if err != nil {
		return err
	}
	spatial, err := graph.Attribute(n, "spatial", int64(1))
	if err != nil {
		return err
	}
	if training != 0 || spatial != 1 {
		return fmt.Errorf("training_mode %d and spatial %d are not supported, only 0 and 1", training, spatial)
	}
	n.Attributes = n.Attributes.Without("training_mode", "spatial", "momentum", "is_test", "consumed_inputs")
	n.Outputs = n.Outputs[:min(1, len(n.Outputs))]
	return im.emit(n)
}

// dropout does nothing at inference; its mask is all true.
func dropout(im *importer, n *graph.Node) error {
	if mode := n.Input(2); mode != nil && (mode.Constant == nil || anyNonZero(mode.Constant.Data)) {
		return fmt.Errorf("training_mode must be constant and false")
	}
	if n.Input(0) == nil || n.Output(0) == nil {
		return fmt.Errorf("input 0 or output 0 is missing")
	}
	x := n.Inputs[0]
	nodes := []*graph.Node{im.derived(n, "Identity", nil, []*graph.Value{x}, n.Outputs[0])}
	if mask := n.Output(1); mask != nil && n.Version >= 10 { // older masks have x's type; nobody reads them, and Verify says so if one does
		shape := &graph.Value{Name: n.Name + "/shape"}
		fill := graph.Attributes{"value": tensor.FromSlice([]bool{true}, 1)}
		nodes = append(nodes, im.derived(n, "Shape", nil, []*graph.Value{x}, shape),
			im.derived(n, "ConstantOfShape", fill, []*graph.Value{shape}, mask))
	}
	return im.emitAll(nodes...)
}

func anyNonZero(data []byte) bool {
	for _, x := range data {
		if x != 0 {
			return true
		}
	}
	return false
}
