// Package httpserver is the HTTP front end: the Open Inference Protocol over fasthttp.
//
// In: HTTP requests. Out: calls of package engine, and its results encoded by package oip. It knows no devices and holds no state of a request
// beyond the handler.
package httpserver
