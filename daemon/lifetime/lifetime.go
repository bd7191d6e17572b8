// Package lifetime counts references to things whose memory the garbage collector does not manage.
//
// In: who starts and who ends using a thing. Out: who ended last, and therefore frees it.
package lifetime

import "sync/atomic"

// Count is a number of references. Once it has come to zero it stays there: Acquire then fails, so nobody revives what is
// being freed. The zero Count has no references; call Start first.
type Count struct{ references atomic.Int64 }

// Start sets the first reference, the creator's.
func (c *Count) Start() { c.references.Store(1) }

// Acquire adds a reference and reports whether there was one left to share.
func (c *Count) Acquire() bool {
	for {
		n := c.references.Load()
		if n == 0 {
			return false
		}
		if c.references.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release ends a reference and reports whether it was the last; the caller then frees the thing.
func (c *Count) Release() bool {
	n := c.references.Add(-1)
	if n < 0 {
		panic("lifetime: more references released than acquired")
	}
	return n == 0
}

// References is the number of references at some moment during the call.
func (c *Count) References() int64 { return c.references.Load() }
