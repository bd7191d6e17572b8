// Package devicetest is the one list of operator cases for all devices, and the run that holds a device to it.
//
// In: testdata/cases.tar.gz, which generate/generate.py makes from the node tests of the package onnx and from onnxruntime, and a device.
// Out: failed tests for differing results, and a log of the operators for which the device has no kernel of its own. Each device's tests
// call Run.
package devicetest
