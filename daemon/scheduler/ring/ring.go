package ring

import (
	"fmt"
	"math/bits"
	"sync/atomic"
)

// cacheLine is the distance at which two variables do not disturb each other: two lines, since the hardware fetches pairs.
const cacheLine = 128

// closedBit marks a closed ring in the tail, so that closing and reserving a slot are ordered by the same variable.
const closedBit = 1 << 63

// MaxCapacity bounds the capacity that New accepts.
const MaxCapacity = 1 << 24

// Result says what became of a push.
type Result uint8

// The results of a push.
const (
	Pushed Result = iota // the owner will pop it
	Full                 // every slot is taken
	Closed               // the ring takes no more
)

const (
	free  = 0 // nobody consumes; who makes it owned does
	owned = 1
)

// Ring is a bounded queue of pointers. Create it with New.
type Ring[T any] struct {
	_    [cacheLine]byte
	tail atomic.Uint64 // next slot to reserve, and closedBit; written by producers
	_    [cacheLine]byte
	head atomic.Uint64 // next slot to pop; written by the owner alone
	_    [cacheLine]byte
	// ownership is written by whoever takes or frees the ring.
	ownership atomic.Uint32
	_         [cacheLine]byte
	baton     chan struct{} // one slot: ownership on its way to the goroutine in Await
	mask      uint64
	slots     []slot[T]
}

// slot holds one pointer. Its sequence is position (free for the push of that position), position+1 (published) or
// position+capacity (popped: free for the next round).
type slot[T any] struct {
	sequence atomic.Uint64
	value    *T
}

// New returns an empty, free ring with room for at least capacity pointers; the capacity is rounded up to a power of two.
func New[T any](capacity int) *Ring[T] {
	if capacity < 1 || capacity > MaxCapacity {
		panic(fmt.Sprintf("ring.New: capacity %d is not between 1 and %d", capacity, MaxCapacity))
	}
	// At least two: with one slot "published" and "free for the next round" would be the same sequence number.
	size := uint64(1) << bits.Len(uint(max(capacity, 2)-1))
	r := &Ring[T]{mask: size - 1, slots: make([]slot[T], size), baton: make(chan struct{}, 1)}
	for i := range r.slots {
		r.slots[i].sequence.Store(uint64(i))
	}
	return r
}

// Push appends value, which must not be nil. Any goroutine may call it; after Pushed it must call Own (or Wake), since the
// ring may be free.
func (r *Ring[T]) Push(value *T) Result {
	tail := r.tail.Load()
	for {
		if tail&closedBit != 0 {
			return Closed
		}
		s := &r.slots[tail&r.mask]
		switch lag := int64(s.sequence.Load() - tail); {
		case lag == 0:
			if r.tail.CompareAndSwap(tail, tail+1) {
				s.value = value
				s.sequence.Store(tail + 1)
				return Pushed
			}
		case lag < 0:
			// The slot still holds what was pushed a round ago. It is full unless other producers moved on meanwhile.
			if now := r.tail.Load(); now == tail {
				return Full
			}
		}
		tail = r.tail.Load()
	}
}

// Own tries to make the caller the owner.
func (r *Ring[T]) Own() bool {
	return r.ownership.Load() == free && r.ownership.CompareAndSwap(free, owned)
}

// Pop removes the oldest pointer, nil where there is none. Only the owner may call it.
func (r *Ring[T]) Pop() *T {
	head := r.head.Load()
	s := &r.slots[head&r.mask]
	if s.sequence.Load() != head+1 {
		return nil
	}
	value := s.value
	s.value = nil
	s.sequence.Store(head + r.mask + 1)
	r.head.Store(head + 1)
	return value
}

// Disown gives ownership up, unless something is left to do: a published pointer, or a ring that was closed. It reports
// whether the caller is rid of it; false means that the caller still owns.
func (r *Ring[T]) Disown() bool {
	r.Free()
	// Freed first, looked second: a producer publishes first and looks at the ownership second.
	return !r.Pending() || !r.Own()
}

// Free is the first half of Disown. A caller of it alone must look at Pending afterwards and own again, as Disown does.
func (r *Ring[T]) Free() { r.ownership.Store(free) }

// Unowned reports whether nobody consumed at some moment during the call.
func (r *Ring[T]) Unowned() bool { return r.ownership.Load() == free }

// Pending reports whether an owner has something to do: a published pointer, or a ring that was closed.
func (r *Ring[T]) Pending() bool {
	head := r.head.Load()
	return r.slots[head&r.mask].sequence.Load() == head+1 || r.IsClosed()
}

// HandOver passes ownership to the goroutine in Await (or to its next call). Only the owner may call it, and thereby owns
// no more. It never blocks: the one slot is empty whenever somebody owns.
func (r *Ring[T]) HandOver() { r.baton <- struct{}{} }

// Await blocks until another goroutine hands ownership over. One goroutine alone may call it.
func (r *Ring[T]) Await() { <-r.baton }

// Offered reports whether Await would return at once.
func (r *Ring[T]) Offered() bool { return len(r.baton) > 0 }

// Wake hands the ring to the goroutine in Await where nobody owns it.
func (r *Ring[T]) Wake() {
	if r.Own() {
		r.HandOver()
	}
}

// Close refuses later pushes and wakes the goroutine in Await, which still pops what was pushed before.
func (r *Ring[T]) Close() {
	r.tail.Or(closedBit)
	r.Wake()
}

// IsClosed reports whether Close was called.
func (r *Ring[T]) IsClosed() bool { return r.tail.Load()&closedBit != 0 }

// Drained reports whether the ring is closed and everything that was pushed has been popped. Only the owner may rely on it.
func (r *Ring[T]) Drained() bool {
	tail := r.tail.Load()
	return tail&closedBit != 0 && r.head.Load() == tail&^closedBit
}

// Len is the number of pointers that were pushed and not popped, at some moment during the call.
func (r *Ring[T]) Len() int {
	head := r.head.Load()
	return int(min((r.tail.Load()&^closedBit)-head, r.mask+1))
}

// Cap is the number of slots.
func (r *Ring[T]) Cap() int { return len(r.slots) }

// Pushes is the number of pushes that succeeded since the ring was made.
func (r *Ring[T]) Pushes() uint64 { return r.tail.Load() &^ closedBit }
