package op

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// The operators of ai.onnx.ml work row by row on X[N, C]; a vector X[C] counts as one row.

func mlNumber(d tensor.DType) bool {
	return d == tensor.Float32 || d == tensor.Float64 || d == tensor.Int32 || d == tensor.Int64
}

// rowsOf returns the number of rows and columns of input 0.
func rowsOf(n *graph.Node) (rows, columns graph.Dim, known bool, err error) {
	x := n.Input(0)
	if err := accept(n, 0, mlNumber); err != nil {
		return rows, columns, false, err
	}
	if !x.Ranked {
		return rows, columns, false, nil
	}
	switch len(x.Shape) {
	case 1:
		return graph.Int(1), x.Shape[0], true, nil
	case 2:
		return x.Shape[0], x.Shape[1], true, nil
	}
	return rows, columns, false, fmt.Errorf("input 0 (%v) has rank %d, want 1 or 2", x, len(x.Shape))
}

// inferRows: an output [N, columns] of float32.
func inferRows(columns func(n *graph.Node, features graph.Dim) (int64, error)) inferFunc {
	return func(g *graph.Graph, n *graph.Node) error {
		setType(n, 0, tensor.Float32)
		rows, features, known, err := rowsOf(n)
		if err != nil || !known {
			return err
		}
		width, err := columns(n, features)
		if err != nil {
			return err
		}
		set(n, 0, tensor.Float32, []graph.Dim{rows, graph.Int(width)})
		return nil
	}
}

// inferClassifier: labels [N] and scores [N, classes].
func inferClassifier(integers string, columns func(n *graph.Node, features graph.Dim) (int64, error)) inferFunc {
	return func(g *graph.Graph, n *graph.Node) error {
		label := tensor.Int64
		texts, numbers := n.Texts("classlabels_strings"), n.Ints(integers)
		switch {
		case len(texts) > 0 && len(numbers) > 0:
			return fmt.Errorf("both classlabels_strings and %s are given", integers)
		case len(texts) > 0:
			label = tensor.String
		}
		setType(n, 0, label)
		setType(n, 1, tensor.Float32)
		rows, features, known, err := rowsOf(n)
		if err != nil || !known {
			return err
		}
		width, err := columns(n, features)
		if err != nil {
			return err
		}
		set(n, 0, label, []graph.Dim{rows})
		set(n, 1, tensor.Float32, []graph.Dim{rows, graph.Int(width)})
		return nil
	}
}

func labelCount(n *graph.Node, integers string) int64 {
	return int64(max(len(n.Texts("classlabels_strings")), len(n.Ints(integers))))
}

// linearClasses: one row of coefficients with two labels gives two columns.
func linearClasses(n *graph.Node, features graph.Dim) (int64, error) {
	labels := labelCount(n, "classlabels_ints")
	targets := int64(len(n.Floats("intercepts")))
	if targets == 0 {
		targets = labels
	}
	if err := checkCoefficients(n, targets, features); err != nil {
		return 0, err
	}
	if targets == 1 && labels == 2 {
		return 2, nil
	}
	if labels != 0 && labels != targets {
		return 0, fmt.Errorf("%d class labels for %d targets", labels, targets)
	}
	return targets, nil
}

func checkCoefficients(n *graph.Node, targets int64, features graph.Dim) error {
	count := int64(len(n.Floats("coefficients")))
	width, known := features.Known()
	if targets < 1 || count%targets != 0 || known && count/targets != width {
		return fmt.Errorf("%d coefficients for %d targets of %v features", count, targets, features)
	}
	return nil
}

func linearTargets(n *graph.Node, features graph.Dim) (int64, error) {
	targets := n.Int("targets", 1)
	if count := int64(len(n.Floats("intercepts"))); count != 0 && count != targets {
		return 0, fmt.Errorf("%d intercepts for %d targets", count, targets)
	}
	return targets, checkCoefficients(n, targets, features)
}

// treeClasses: a classifier of one class still has two columns, for it and for the rest.
func treeClasses(n *graph.Node, features graph.Dim) (int64, error) {
	labels := labelCount(n, "classlabels_int64s")
	if labels == 0 {
		return 0, fmt.Errorf("no class labels")
	}
	if err := checkFeatures(n, features); err != nil {
		return 0, err
	}
	if err := checkTrees(n, "class_ids", labels, "class_treeids", "class_nodeids"); err != nil {
		return 0, err
	}
	return max(labels, 2), checkWeights(n, "class_weights", "class_ids")
}

func treeTargets(n *graph.Node, features graph.Dim) (int64, error) {
	targets := n.Int("n_targets", 1)
	if targets < 1 || targets > 1<<20 {
		return 0, fmt.Errorf("attribute n_targets is %d", targets)
	}
	if err := checkFeatures(n, features); err != nil {
		return 0, err
	}
	if err := checkTrees(n, "target_ids", targets, "target_treeids", "target_nodeids"); err != nil {
		return 0, err
	}
	return targets, checkWeights(n, "target_weights", "target_ids")
}

// checkTrees compares the lengths of the parallel lists and the ids of classes or targets. The trees' structure is checked by who builds them.
func checkTrees(n *graph.Node, ids string, limit int64, leafLists ...string) error {
	count := len(n.Ints("nodes_nodeids"))
	for _, name := range []string{"nodes_treeids", "nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids"} {
		if length := len(n.Ints(name)); length != count {
			return fmt.Errorf("attribute %s has %d entries, nodes_nodeids has %d", name, length, count)
		}
	}
	if tracks := n.Ints("nodes_missing_value_tracks_true"); len(tracks) != 0 && len(tracks) != count {
		return fmt.Errorf("attribute nodes_missing_value_tracks_true has %d entries, nodes_nodeids has %d", len(tracks), count)
	}
	if values, modes := len(n.Floats("nodes_values")), len(n.Texts("nodes_modes")); values != count || modes != count {
		return fmt.Errorf("%d nodes_values and %d nodes_modes for %d nodes", values, modes, count)
	}
	list := n.Ints(ids)
	for i, id := range list {
		if id < 0 || id >= limit {
			return fmt.Errorf("attribute %s: entry %d is %d, want 0 to %d", ids, i, id, limit-1)
		}
	}
	for _, name := range leafLists {
		if length := len(n.Ints(name)); length != len(list) {
			return fmt.Errorf("attribute %s has %d entries, %s has %d", name, length, ids, len(list))
		}
	}
	return nil
}

// checkFeatures refuses branches that read beyond the row.
func checkFeatures(n *graph.Node, features graph.Dim) error {
	width, known := features.Known()
	modes := n.Texts("nodes_modes")
	for i, feature := range n.Ints("nodes_featureids") {
		if i < len(modes) && modes[i] != "LEAF" && (feature < 0 || known && feature >= width) {
			return fmt.Errorf("attribute nodes_featureids: entry %d is %d, want 0 to %d, the features of input 0", i, feature, width-1)
		}
	}
	return nil
}

func checkWeights(n *graph.Node, weights, ids string) error {
	if a, b := len(n.Floats(weights)), len(n.Ints(ids)); a != b {
		return fmt.Errorf("attribute %s has %d entries, %s has %d", weights, a, ids, b)
	}
	return nil
}

// inferScaler: attributes offset and scale hold one number or one a feature.
func inferScaler(g *graph.Graph, n *graph.Node) error {
	if err := accept(n, 0, mlNumber); err != nil {
		return err
	}
	x := n.Input(0)
	for _, name := range []string{"offset", "scale"} {
		length := int64(len(n.Floats(name)))
		if !x.Ranked || length == 1 || length == 0 {
			continue
		}
		if len(x.Shape) == 0 {
			return fmt.Errorf("attribute %s has %d entries for a scalar", name, length)
		}
		if width, known := x.Shape[len(x.Shape)-1].Known(); known && width != length {
			return fmt.Errorf("attribute %s has %d entries for %d features", name, length, width)
		}
	}
	likeInput(n, 0, 0, tensor.Float32)
	return nil
}

// inferNormalizer: every row divided by its norm.
func inferNormalizer(g *graph.Graph, n *graph.Node) error {
	if _, _, _, err := rowsOf(n); err != nil {
		return err
	}
	switch norm := n.Text("norm", "MAX"); norm {
	case "MAX", "L1", "L2":
	default:
		return fmt.Errorf("attribute norm %q is unknown", norm)
	}
	likeInput(n, 0, 0, tensor.Float32)
	return nil
}

// inferImputer: each feature's missing entries replaced.
func inferImputer(g *graph.Graph, n *graph.Node) error {
	x := n.Input(0)
	floats, integers := n.Floats("imputed_value_floats"), n.Ints("imputed_value_int64s")
	count := int64(len(floats) + len(integers))
	switch {
	case x.DType.IsFloat() && len(floats) == 0, x.DType == tensor.Int64 && len(integers) == 0, !x.DType.IsFloat() && x.DType != tensor.Int64:
		return fmt.Errorf("input 0 (%v) does not fit the imputed values", x)
	case x.Ranked && len(x.Shape) > 0 && count != 1:
		if width, known := x.Shape[len(x.Shape)-1].Known(); known && width != count {
			return fmt.Errorf("%d imputed values for %d features", count, width)
		}
	}
	likeInput(n, 0, 0, x.DType)
	return nil
}

// inferOneHotEncoder: a last axis of one column a category.
func inferOneHotEncoder(g *graph.Graph, n *graph.Node) error {
	x := n.Input(0)
	numbers, texts := n.Ints("cats_int64s"), n.Texts("cats_strings")
	if (len(numbers) == 0) == (len(texts) == 0) {
		return fmt.Errorf("%d integer and %d string categories; one list is wanted", len(numbers), len(texts))
	}
	if (x.DType == tensor.String) != (len(texts) > 0) || x.DType != tensor.String && !mlNumber(x.DType) {
		return fmt.Errorf("input 0 (%v) does not fit the categories' type", x)
	}
	setType(n, 0, tensor.Float32)
	if x.Ranked {
		columns := graph.Int(int64(len(numbers) + len(texts)))
		set(n, 0, tensor.Float32, append(append([]graph.Dim{}, x.Shape...), columns))
	}
	return nil
}

// inferLabelEncoder: the lists of values tell the output's type.
func inferLabelEncoder(g *graph.Graph, n *graph.Node) error {
	keyType, keys, err := encoderList(n, "keys")
	if err != nil {
		return err
	}
	valueType, values, err := encoderList(n, "values")
	if err != nil {
		return err
	}
	if keys != values {
		return fmt.Errorf("%d keys and %d values", keys, values)
	}
	if x := n.Input(0); x.DType != keyType {
		return fmt.Errorf("input 0 (%v) does not fit keys of type %v", x, keyType)
	}
	likeInput(n, 0, 0, valueType)
	return nil
}

func encoderList(n *graph.Node, prefix string) (tensor.DType, int64, error) {
	if t := n.Tensor(prefix + "_tensor"); t != nil {
		return t.DType, t.Elements(), nil
	}
	if list := n.Ints(prefix + "_int64s"); list != nil {
		return tensor.Int64, int64(len(list)), nil
	}
	if list := n.Floats(prefix + "_floats"); list != nil {
		return tensor.Float32, int64(len(list)), nil
	}
	if list := n.Texts(prefix + "_strings"); list != nil {
		return tensor.String, int64(len(list)), nil
	}
	return tensor.Undefined, 0, fmt.Errorf("no list of %s", prefix)
}
