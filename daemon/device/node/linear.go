package node

import "github.com/inferd/inferd/kernels/cpu/linear"

// LinearClassifier reads a LinearClassifier of ai.onnx.ml.
func (n Node) LinearClassifier() (*linear.Linear, error) {
	if n.Texts("classlabels_strings") != nil {
		return nil, NoKernel("the class labels are strings")
	}
	l := n.linear()
	l.Classifier, l.Labels = true, n.Ints("classlabels_ints")
	l.LabelCount = len(l.Labels)
	return l, nil
}

// LinearRegressor reads a LinearRegressor of ai.onnx.ml.
func (n Node) LinearRegressor() *linear.Linear {
	l := n.linear()
	l.Targets = int(n.Int("targets", 1))
	return l
}

// linear reads the attributes that both have.
func (n Node) linear() *linear.Linear {
	return &linear.Linear{Coefficients: n.Floats("coefficients"), Intercepts: n.Floats("intercepts"), PostTransform: n.Text("post_transform", "NONE")}
}
