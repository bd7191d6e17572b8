// Package trees evaluates ensembles of decision trees: ONNX's TreeEnsembleClassifier and TreeEnsembleRegressor in float32.
//
// In: an Ensemble, the attributes of the ONNX node as Go slices, from any source and hostile until proved otherwise.
// Compile validates it and gives a Model, whose Packed bytes hold every table that the kernels read. Out: Plan gives
// one step that turns rows of features into scores and class labels.
//
// Two kernels serve one model and give the same bits, because both add a row's leaves in the order of the trees:
//
//   - quick: QuickScorer for trees of up to 64 leaves. Every feature is replaced by the rank of its value among the
//     feature's thresholds, so that a comparison needs one byte and a vector tests 32 or 64 rows at once.
//   - walk: a branch-free descent for trees of any size, eight rows abreast, or eight trees abreast for a single row.
package trees
