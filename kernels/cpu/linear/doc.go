// Package linear holds the small operators of ai.onnx.ml around a linear model: Scaler, LinearClassifier, LinearRegressor,
// Normalizer and OneHotEncoder.
//
// In: the operators' attributes, and where their operands lie. Out: steps, and for operators with weights the packed bytes
// that the caller places in C memory. All tensors are dense and row-major; other numeric types are cast to float32 before.
package linear
