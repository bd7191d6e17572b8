// Package oip is the Open Inference Protocol, version 2, with the binary tensor extension: request and response types, their JSON and
// binary forms, and errors.
//
// In: header values and bodies as byte slices. Out: decoded requests whose slices alias the body, and appended response bytes. It does no
// I/O and knows neither HTTP libraries nor the engine. Decoding and encoding of a pooled request allocate nothing in the steady state.
package oip
