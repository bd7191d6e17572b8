package node

import "github.com/inferd/inferd/kernels/cpu/trees"

// TreeClassifier reads a TreeEnsembleClassifier.
func (n Node) TreeClassifier() (*trees.Ensemble, error) {
	if n.Texts("classlabels_strings") != nil {
		return nil, NoKernel("the class labels are strings")
	}
	e := n.ensemble("class")
	e.Classifier, e.Labels = true, n.Ints("classlabels_int64s")
	e.Targets = len(e.Labels)
	return e, nil
}

// TreeRegressor reads a TreeEnsembleRegressor.
func (n Node) TreeRegressor() *trees.Ensemble {
	e := n.ensemble("target")
	e.Targets, e.Aggregate = int(n.Int("n_targets", 1)), n.Text("aggregate_function", "SUM")
	return e
}

// ensemble reads the attributes that classifier and regressor name alike but for a prefix.
func (n Node) ensemble(prefix string) *trees.Ensemble {
	return &trees.Ensemble{
		NodeTreeIDs: n.Ints("nodes_treeids"), NodeIDs: n.Ints("nodes_nodeids"), NodeFeatureIDs: n.Ints("nodes_featureids"),
		NodeModes: n.Texts("nodes_modes"), NodeValues: n.Floats("nodes_values"), NodeTrueIDs: n.Ints("nodes_truenodeids"),
		NodeFalseIDs: n.Ints("nodes_falsenodeids"), NodeMissingIsTrue: n.Ints("nodes_missing_value_tracks_true"),
		LeafTreeIDs: n.Ints(prefix + "_treeids"), LeafNodeIDs: n.Ints(prefix + "_nodeids"), LeafTargets: n.Ints(prefix + "_ids"),
		LeafWeights: n.Floats(prefix + "_weights"), BaseValues: n.Floats("base_values"), PostTransform: n.Text("post_transform", "NONE"),
	}
}
