// Package scheduler brings requests to the device: credits per model, lanes with their rings, batches, fair turns.
//
// In: jobs (a model, input tensors in C memory, a deadline). Out: the same jobs with output tensors or an error.
//
// A lane is a share of a device's time. Whoever owns its ring runs it: it drains the ring into the models' queues, lets each
// model's batcher decide (package batch), starts runs of programs and lets runs of different models take turns in quanta.
//
// # Hand-overs
//
// The goroutine that brings a job to a lane that nobody runs drives the lane itself until its own job is done, and only what
// is left over goes to the lane's goroutine. Waking that goroutine for each job instead costs two goroutine switches, and in
// the Go scheduler a futex call whenever another processor idles: measured with a program that costs nothing (BenchmarkInPlace
// beside BenchmarkLaneGoroutine), twice the processor time of a request. With many jobs at once the lane's goroutine serves
// them in batches until the ring is empty; then the next job drives again.
//
// # Life of a job
//
// queued -> claimed -> done, or abandoned from either of the first two by a handler that gives up. The lane answers what it
// finds done, and releases what it finds abandoned: whoever comes last releases, so nothing that C reads is ever freed.
package scheduler
