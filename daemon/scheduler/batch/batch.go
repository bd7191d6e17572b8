// Package batch decides which queued requests of one model run together, and when. It is a pure function of its queue and
// the time that the caller passes in: no clock, no goroutine, no lock, and in the steady state no allocation.
//
// In: items (rows, shape key, arrival, deadline, priority) and the time. Out: the items of the next batch, or the time at
// which to ask again.
//
// Requests share a batch where their shape keys agree, which cover all that is not the batch dimension. Waiting for company
// is for a busy device only: while the device is idle, whatever is queued runs at once.
package batch

import (
	"math"
	"slices"
)

// Policy says how the requests of a model are batched. Times are in nanoseconds.
type Policy struct {
	// MaxRows bounds the rows of a batch of several requests; a request with more rows runs alone. At 1 or less nothing is batched.
	MaxRows int
	// Preferred lists sizes, ascending, at which a batch runs without waiting for more.
	Preferred []int
	// MaxDelay bounds how long the oldest request waits for company while the device is busy.
	MaxDelay int64
}

// Item is one request in a queue. The caller owns it, fills the exported fields and leaves it alone until it was taken.
type Item[T any] struct {
	Value *T
	Rows  int
	// Key holds what must agree within a batch, and Hash a hash of it.
	Key  []int64
	Hash uint64
	// Arrived and Deadline are times; a Deadline of 0 is none.
	Arrived, Deadline int64
	// Priority orders the queue: lower numbers run first.
	Priority uint32
	// Alone keeps the item out of batches with others.
	Alone bool

	next *Item[T]
}

// Queue holds the waiting requests of one model in buckets of equal shape keys. It is not safe for concurrent use.
type Queue[T any] struct {
	// MaxRows bounds the rows of a batch that begins with the given request, below the policy's bound; nil means that nothing else does.
	MaxRows func(first *T, now int64) int
	// Abandoned reports whether nobody wants the request any more; Dropped then receives it. Both may be nil.
	Abandoned func(*T) bool
	Dropped   func(*T)

	buckets  []*bucket[T] // with at least one item each
	spare    []*bucket[T]
	items    int
	rows     int
	deadline int64 // no item's deadline is earlier
	held     uint64
	holding  bool
}

// bucket is a list of items with one shape key, by priority and then by arrival.
type bucket[T any] struct {
	first, last *Item[T]
}

// Decision is what Next decided: a batch to take, or how long to wait.
type Decision[T any] struct {
	// Items and Rows describe the batch: the first Items of a bucket. Items is 0 where nothing is to run now.
	Items, Rows int
	// Until is when to ask again if nothing is pushed before; math.MaxInt64 where the queue is empty.
	Until int64

	bucket *bucket[T]
}

// First returns the oldest item of the batch, which stands for the shapes of all.
func (d Decision[T]) First() *Item[T] { return d.bucket.first }

// Len is the number of queued items, abandoned ones included.
func (q *Queue[T]) Len() int { return q.items }

// Rows is the number of queued rows, abandoned ones included.
func (q *Queue[T]) Rows() int { return q.rows }

// Add appends an item behind those of its priority.
func (q *Queue[T]) Add(item *Item[T]) {
	item.next = nil
	q.items++
	q.rows += item.Rows
	if item.Deadline != 0 && (q.deadline == 0 || item.Deadline < q.deadline) {
		q.deadline = item.Deadline
	}
	b := q.bucketOf(item)
	switch {
	case b.first == nil:
		b.first, b.last = item, item
	case b.last.Priority <= item.Priority:
		b.last.next = item
		b.last = item
	case item.Priority < b.first.Priority:
		item.next = b.first
		b.first = item
	default:
		before := b.first
		for before.next.Priority <= item.Priority {
			before = before.next
		}
		item.next = before.next
		before.next = item
	}
}

// bucketOf finds or opens the bucket of the item's key.
func (q *Queue[T]) bucketOf(item *Item[T]) *bucket[T] {
	for _, b := range q.buckets {
		if b.first.Hash == item.Hash && slices.Equal(b.first.Key, item.Key) {
			return b
		}
	}
	var b *bucket[T]
	if last := len(q.spare) - 1; last >= 0 {
		b, q.spare = q.spare[last], q.spare[:last]
	} else {
		b = new(bucket[T])
	}
	q.buckets = append(q.buckets, b)
	return b
}

// Hold keeps the items with the hash out of batches until Unhold: what they run on is not there yet.
func (q *Queue[T]) Hold(hash uint64) { q.held, q.holding = hash, true }

// Unhold ends Hold.
func (q *Queue[T]) Unhold() { q.holding = false }

// Next decides what to run at time now. busy says that the device has other work, so that waiting costs nothing. The decision
// holds until the queue changes. Abandoned items that it comes across leave the queue.
func (q *Queue[T]) Next(policy *Policy, now int64, busy bool) Decision[T] {
	best := Decision[T]{Until: math.MaxInt64}
	for i := 0; i < len(q.buckets); {
		b := q.buckets[i]
		d := q.decide(b, policy, now, busy)
		if b.first == nil {
			q.close(i)
			continue
		}
		i++
		if q.holding && b.first.Hash == q.held {
			continue
		}
		switch {
		case d.Items > 0 && (best.Items == 0 || before(b.first, best.bucket.first)):
			best = d
		case d.Items == 0 && best.Items == 0:
			best.Until = min(best.Until, d.Until)
		}
	}
	return best
}

// before orders the buckets that could run.
func before[T any](a, b *Item[T]) bool {
	if a.Priority != b.Priority {
		return a.Priority < b.Priority
	}
	return a.Arrived < b.Arrived
}

// decide looks at the first items of one bucket.
func (q *Queue[T]) decide(b *bucket[T], policy *Policy, now int64, busy bool) Decision[T] {
	var items, rows, preferredItems, preferredRows int
	due, full := int64(math.MaxInt64), false
	maxRows := policy.MaxRows
	if q.MaxRows != nil && (busy || b.first.next != nil) {
		maxRows = min(maxRows, q.MaxRows(b.first.Value, now))
	}
	var previous, next *Item[T]
	for item := b.first; item != nil; item = next {
		next = item.next // a dropped item may be in use again at once
		if q.Abandoned != nil && q.Abandoned(item.Value) {
			q.unlink(b, previous, item)
			if q.Dropped != nil {
				q.Dropped(item.Value)
			}
			continue
		}
		if items > 0 && (rows+item.Rows > maxRows || item.Alone || b.first.Alone) {
			full = true
			break
		}
		items++
		rows += item.Rows
		due = min(due, item.Arrived+policy.MaxDelay)
		if item.Deadline != 0 {
			// Half of the time that is left at most: the rest is for the run.
			due = min(due, item.Arrived+(item.Deadline-item.Arrived)/2)
		}
		if _, ok := slices.BinarySearch(policy.Preferred, rows); ok {
			preferredItems, preferredRows = items, rows
		}
		if rows >= maxRows {
			full = true
			break
		}
		previous = item
	}
	d := Decision[T]{Items: items, Rows: rows, bucket: b}
	if preferredItems > 0 {
		d.Items, d.Rows = preferredItems, preferredRows
		return d
	}
	if full || !busy || due <= now {
		return d
	}
	return Decision[T]{Until: due}
}

// Shrink returns the largest beginning of the batch that has at most the given rows; Items is 0 where the first item is larger.
func (q *Queue[T]) Shrink(d Decision[T], rows int) Decision[T] {
	smaller := Decision[T]{Until: d.Until, bucket: d.bucket}
	item := d.bucket.first
	for range d.Items {
		if smaller.Rows+item.Rows > rows {
			break
		}
		smaller.Items++
		smaller.Rows += item.Rows
		item = item.next
	}
	return smaller
}

// Take removes the batch that Next decided on and appends its requests to the list.
func (q *Queue[T]) Take(d Decision[T], list []*T) []*T {
	for range d.Items {
		item := d.bucket.first
		q.unlink(d.bucket, nil, item)
		list = append(list, item.Value)
	}
	if d.bucket != nil && d.bucket.first == nil {
		q.close(slices.Index(q.buckets, d.bucket))
	}
	return list
}

// Expire removes the items whose deadline has come and appends their requests to the list.
func (q *Queue[T]) Expire(now int64, list []*T) []*T {
	if q.deadline == 0 || now < q.deadline {
		return list
	}
	return q.remove(func(item *Item[T]) bool { return item.Deadline != 0 && item.Deadline <= now }, list)
}

// Clear removes all items and appends their requests to the list.
func (q *Queue[T]) Clear(list []*T) []*T {
	return q.remove(func(*Item[T]) bool { return true }, list)
}

// RemoveKey removes the items with the shape key and appends their requests to the list.
func (q *Queue[T]) RemoveKey(hash uint64, key []int64, list []*T) []*T {
	return q.remove(func(item *Item[T]) bool { return item.Hash == hash && slices.Equal(item.Key, key) }, list)
}

func (q *Queue[T]) remove(chosen func(*Item[T]) bool, list []*T) []*T {
	q.deadline = 0
	for i := 0; i < len(q.buckets); {
		b := q.buckets[i]
		var previous *Item[T]
		for item := b.first; item != nil; item = item.next {
			if chosen(item) {
				q.unlink(b, previous, item)
				list = append(list, item.Value)
				continue
			}
			if item.Deadline != 0 && (q.deadline == 0 || item.Deadline < q.deadline) {
				q.deadline = item.Deadline
			}
			previous = item
		}
		if b.first == nil {
			q.close(i)
			continue
		}
		i++
	}
	return list
}

// unlink takes an item out of its bucket; it keeps its next pointer, so that a walk can go on.
func (q *Queue[T]) unlink(b *bucket[T], previous, item *Item[T]) {
	if previous == nil {
		b.first = item.next
	} else {
		previous.next = item.next
	}
	if b.last == item {
		b.last = previous
	}
	q.items--
	q.rows -= item.Rows
}

// close puts an empty bucket aside for reuse.
func (q *Queue[T]) close(i int) {
	b := q.buckets[i]
	last := len(q.buckets) - 1
	q.buckets[i] = q.buckets[last]
	q.buckets = q.buckets[:last]
	b.last = nil
	q.spare = append(q.spare, b)
}
