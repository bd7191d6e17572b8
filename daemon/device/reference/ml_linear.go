package reference

import (
	"github.com/inferd/inferd/daemon/tensor"
)

// linearScores returns X*coefficients^T + intercepts for attribute coefficients [outputs, features], and the number of rows of X.
func linearScores(c *call, outputs int64) (scores []float64, rows int64) {
	x := c.in(0)
	features := int64(0)
	switch len(x.Shape) {
	case 1:
		rows, features = 1, x.Shape[0]
	case 2:
		rows, features = x.Shape[0], x.Shape[1]
	default:
		fail("%v is neither a row nor a matrix", x)
	}
	coefficients, intercepts := c.Floats("coefficients"), c.Floats("intercepts")
	if outputs <= 0 || int64(len(coefficients)) != outputs*features || len(intercepts) != 0 && int64(len(intercepts)) != outputs {
		fail("%d coefficients and %d intercepts for %d outputs of %d features", len(coefficients), len(intercepts), outputs, features)
	}
	values, weights := floats(x), convert[float64](coefficients)
	for r := range rows {
		for o := range outputs {
			sum := dot(weights[o*features:], values[r*features:(r+1)*features])
			if len(intercepts) != 0 {
				sum += float64(intercepts[o])
			}
			scores = append(scores, sum)
		}
	}
	return scores, rows
}

func linearRegressor(c *call) []*tensor.Tensor {
	targets := c.Int("targets", 1)
	scores, rows := linearScores(c, targets)
	for r := range rows {
		postTransform(c.Text("post_transform", "NONE"), scores[r*targets:(r+1)*targets])
	}
	return one(fromFloats(tensor.Float32, []int64{rows, targets}, scores))
}

// linearClassifier gives labels and scores. One score a row means two classes, of which it is the second's.
func linearClassifier(c *call) []*tensor.Tensor {
	labels := newLabels(c, "classlabels_ints")
	classes := int64(len(c.Floats("intercepts")))
	if classes == 0 {
		classes = int64(max(labels.count(), 1))
	}
	scores, rows := linearScores(c, classes)
	transform := c.Text("post_transform", "NONE")
	var chosen []int
	var out []float64
	for r := range rows {
		row := scores[r*classes : (r+1)*classes]
		if classes == 1 {
			chosen = append(chosen, positive(row[0] > 0))
			if labels.count() == 2 {
				row = secondClass(row[0], transform)
			} else {
				postTransform(transform, row)
			}
		} else {
			chosen = append(chosen, indexOfMax(row))
			postTransform(transform, row)
		}
		out = append(out, row...)
	}
	return []*tensor.Tensor{labels.pick(chosen), fromFloats(tensor.Float32, []int64{rows, int64(len(out)) / max(rows, 1)}, out)}
}

// secondClass makes the scores of two classes from the second's.
func secondClass(score float64, transform string) []float64 {
	switch transform {
	case "LOGISTIC":
		return []float64{sigmoid(-score), sigmoid(score)}
	case "PROBIT":
		return []float64{1 - probit(score), probit(score)}
	}
	return []float64{1 - score, score}
}

func positive(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// indexOfMax returns the position of the first largest element.
func indexOfMax(values []float64) int {
	best := 0
	for i, x := range values {
		if x > values[best] {
			best = i
		}
	}
	return best
}

// labels are the names or numbers of the classes.
type labels struct {
	texts   []string
	numbers []int64
}

func newLabels(c *call, integers string) labels {
	return labels{c.Texts("classlabels_strings"), c.Ints(integers)}
}

func (l labels) count() int { return max(len(l.texts), len(l.numbers)) }

// pick returns the labels of the classes as a tensor. Models without labels number the classes.
func (l labels) pick(classes []int) *tensor.Tensor {
	rows := int64(len(classes))
	if l.texts != nil {
		out := newTensor(tensor.String, []int64{rows})
		for i, class := range classes {
			out.Strings[i] = l.texts[class]
		}
		return out
	}
	out := make([]int64, rows)
	for i, class := range classes {
		out[i] = int64(class)
		if l.numbers != nil {
			out[i] = l.numbers[class]
		}
	}
	return tensor.FromSlice(out, rows)
}
