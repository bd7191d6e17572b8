// Package onnx turns the bytes of an ONNX model into a graph, and TensorProto files into tensors and back.
//
// In: bytes that may be hostile, and the model's folder for external data. Out: a graph.Graph in the newest form of every operator
// (package op lists them), constants that share memory with the bytes where alignment allows, and the model's metadata. The wire format is
// walked in place; nothing larger than the file asks for is allocated. It infers no types: that is package op's.
package onnx
