// Package ring is the queue in front of a lane: a bounded lock-free ring with many producers and one consumer at a time,
// and the protocol by which goroutines take turns at being that consumer.
//
// In: pointers that any goroutine pushes. Out: the same pointers, each once, to the goroutine that owns the ring.
//
// A consumer that sleeps and is woken costs two goroutine switches and, where another processor idles, a futex call in the
// Go scheduler. So consuming is not bound to one goroutine: the ring is owned or free, and a producer that finds it free
// owns it and may consume in place. Otherwise the present owner sees what was pushed:
//
//	producer   Push, then Own: true makes the producer the owner
//	owner      Pop until nil, then Disown: false means that something was pushed meanwhile and the caller still owns
//	owner      or HandOver: the goroutine that sits in Await becomes the owner
//	anybody    Close: later pushes are refused; what was pushed before is still popped
//
// Disown first frees the ring and then looks again, a producer first publishes and then tries to own: whichever is second in
// the one order of atomic operations sees the other, so no push is left lying (ring.pml states it, and the tests let spin
// check it over every interleaving of a small ring).
package ring
