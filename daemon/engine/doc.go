// Package engine is the one API that front ends see: resolve a model, fill inputs, infer, read outputs; load, unload, describe.
//
// In: names, types, shapes and bytes from outside, none of it trusted. Out: tensors in memory that C owns, or an *Error whose
// kind a front end maps to its protocol. It knows no protocol and no concrete device.
//
// The way of a request, which allocates nothing in the steady state:
//
//	r, err := e.Acquire(model, 0)          // a reference on the version that serves now
//	defer r.Release()
//	err = r.Admit()                        // under overload, refuses before anything is decoded
//	staging, err := r.Input(name, dtype, shape)
//	... fill staging ...
//	err = r.Infer(cancel)                  // returns when it is answered, given up or refused
//	for i := range r.Outputs() { out := r.Output(i); ... }
package engine
