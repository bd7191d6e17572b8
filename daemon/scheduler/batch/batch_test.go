package batch

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

type request struct {
	item      Item[request]
	id        int
	abandoned bool
}

func newRequest(id, rows int, arrived int64, key ...int64) *request {
	r := &request{id: id}
	hash := uint64(0)
	for _, k := range key {
		hash = hash*31 + uint64(k)
	}
	r.item = Item[request]{Value: r, Rows: rows, Arrived: arrived, Key: key, Hash: hash}
	return r
}

func ids(list []*request) []int {
	numbers := []int{}
	for _, r := range list {
		numbers = append(numbers, r.id)
	}
	return numbers
}

func TestNext(t *testing.T) {
	delayed := Policy{MaxRows: 4, MaxDelay: 100}
	for _, c := range []struct {
		name     string
		policy   Policy
		requests []*request
		now      int64
		busy     bool
		want     []int
		until    int64
	}{
		{"empty", delayed, nil, 0, false, nil, math.MaxInt64},
		{"an idle device never waits", delayed, []*request{newRequest(1, 1, 0)}, 0, false, []int{1}, 0},
		{"a busy device gathers", delayed, []*request{newRequest(1, 1, 5)}, 50, true, nil, 105},
		{"until the delay is over", delayed, []*request{newRequest(1, 1, 5)}, 105, true, []int{1}, 0},
		{"full", delayed, []*request{newRequest(1, 2, 0), newRequest(2, 2, 0)}, 0, true, []int{1, 2}, 0},
		{"the next does not fit", delayed, []*request{newRequest(1, 2, 0), newRequest(2, 3, 0)}, 0, true, []int{1}, 0},
		{"larger than a batch runs alone", delayed, []*request{newRequest(1, 9, 0), newRequest(2, 1, 0)}, 0, true, []int{1}, 0},
		{"no batching", Policy{}, []*request{newRequest(1, 1, 0), newRequest(2, 1, 0)}, 0, false, []int{1}, 0},
		{"other shapes stay apart", delayed, []*request{newRequest(1, 1, 0, 7), newRequest(2, 1, 0, 8), newRequest(3, 1, 0, 7)}, 0, false, []int{1, 3}, 0},
		{"the older bucket first", delayed, []*request{newRequest(1, 1, 9, 7), newRequest(2, 1, 8, 8)}, 9, false, []int{2}, 0},
		{"preferred size runs at once", Policy{MaxRows: 8, MaxDelay: 100, Preferred: []int{2, 4}},
			[]*request{newRequest(1, 1, 0), newRequest(2, 1, 0), newRequest(3, 1, 0)}, 0, true, []int{1, 2}, 0},
		{"largest preferred size", Policy{MaxRows: 8, MaxDelay: 100, Preferred: []int{2, 4}},
			[]*request{newRequest(1, 2, 0), newRequest(2, 2, 0), newRequest(3, 1, 0)}, 0, true, []int{1, 2}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := new(Queue[request])
			for _, r := range c.requests {
				q.Add(&r.item)
			}
			d := q.Next(&c.policy, c.now, c.busy)
			if got := q.Take(d, nil); !slices.Equal(ids(got), append([]int{}, c.want...)) {
				t.Errorf("took %v, want %v", ids(got), c.want)
			}
			if len(c.want) == 0 && d.Until != c.until {
				t.Errorf("asked to wait until %d, want %d", d.Until, c.until)
			}
			if q.Len() != len(c.requests)-len(c.want) {
				t.Errorf("%d items left", q.Len())
			}
		})
	}
}

func TestDeadlineShortensTheDelay(t *testing.T) {
	q, policy := new(Queue[request]), Policy{MaxRows: 4, MaxDelay: 1000}
	r := newRequest(1, 1, 0)
	r.item.Deadline = 100
	q.Add(&r.item)
	if d := q.Next(&policy, 0, true); d.Items != 0 || d.Until != 50 {
		t.Errorf("decision %+v, want to wait until 50", d)
	}
	if list := q.Expire(99, nil); len(list) != 0 {
		t.Errorf("expired early: %v", ids(list))
	}
	if list := q.Expire(100, nil); len(list) != 1 || q.Len() != 0 {
		t.Errorf("not expired: %v", ids(list))
	}
}

func TestPriority(t *testing.T) {
	q, policy := new(Queue[request]), Policy{MaxRows: 8}
	for id, priority := range []uint32{2, 2, 1, 3, 1, 2} {
		r := newRequest(id, 1, int64(id))
		r.item.Priority = priority
		q.Add(&r.item)
	}
	if got := ids(q.Take(q.Next(&policy, 9, false), nil)); !slices.Equal(got, []int{2, 4, 0, 1, 5, 3}) {
		t.Errorf("order %v", got)
	}
}

func TestAbandonedAreDropped(t *testing.T) {
	var dropped []*request
	q := &Queue[request]{
		Abandoned: func(r *request) bool { return r.abandoned },
		Dropped:   func(r *request) { dropped = append(dropped, r) },
	}
	policy := Policy{MaxRows: 8}
	var all []*request
	for id := range 5 {
		r := newRequest(id, 1, 0)
		all = append(all, r)
		q.Add(&r.item)
	}
	all[0].abandoned, all[2].abandoned, all[4].abandoned = true, true, true
	d := q.Next(&policy, 0, false)
	if d.Rows != 2 || !slices.Equal(ids(dropped), []int{0, 2, 4}) {
		t.Fatalf("decision %+v, dropped %v", d, ids(dropped))
	}
	late := newRequest(5, 1, 0)
	q.Add(&late.item)
	if got := ids(q.Take(q.Next(&policy, 0, false), nil)); !slices.Equal(got, []int{1, 3, 5}) {
		t.Errorf("took %v", got)
	}
	all[1].abandoned = true
	q.Add(&all[1].item)
	if d := q.Next(&policy, 0, false); d.Items != 0 || q.Len() != 0 || q.Rows() != 0 {
		t.Errorf("an abandoned item is left: %+v", d)
	}
}

func TestShrinkAndRemoveKey(t *testing.T) {
	q, policy := new(Queue[request]), Policy{MaxRows: 8}
	for id := range 4 {
		q.Add(&newRequest(id, 2, 0, 1).item)
	}
	q.Add(&newRequest(9, 2, 0, 2).item)
	d := q.Next(&policy, 0, false)
	if s := q.Shrink(d, 5); s.Items != 2 || s.Rows != 4 {
		t.Errorf("shrunk to %+v", s)
	}
	if s := q.Shrink(d, 1); s.Items != 0 {
		t.Errorf("shrunk to %+v", s)
	}
	if got := ids(q.RemoveKey(1, []int64{1}, nil)); !slices.Equal(got, []int{0, 1, 2, 3}) || q.Len() != 1 {
		t.Errorf("removed %v, %d left", got, q.Len())
	}
	if got := ids(q.Clear(nil)); !slices.Equal(got, []int{9}) {
		t.Errorf("cleared %v", got)
	}
}

func TestHold(t *testing.T) {
	q, policy := new(Queue[request]), Policy{MaxRows: 8}
	held, other := newRequest(1, 1, 0, 5), newRequest(2, 1, 1, 6)
	q.Add(&held.item)
	q.Add(&other.item)
	q.Hold(held.item.Hash)
	if got := ids(q.Take(q.Next(&policy, 2, false), nil)); !slices.Equal(got, []int{2}) {
		t.Errorf("took %v", got)
	}
	if d := q.Next(&policy, 2, false); d.Items != 0 {
		t.Errorf("a held item was chosen: %+v", d)
	}
	q.Unhold()
	if got := ids(q.Take(q.Next(&policy, 2, false), nil)); !slices.Equal(got, []int{1}) {
		t.Errorf("took %v", got)
	}
}

// TestRandomised compares each decision with the rules, and sees every request leave exactly once.
func TestRandomised(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		policy := Policy{MaxRows: 1 + random.IntN(8), MaxDelay: int64(random.IntN(50))}
		if random.IntN(3) == 0 {
			policy.Preferred = []int{1 + random.IntN(policy.MaxRows)}
		}
		left := map[*request]bool{}
		leave := func(r *request) {
			if !left[r] {
				t.Fatalf("seed %d: request %d left twice", seed, r.id)
			}
			delete(left, r)
		}
		q := &Queue[request]{Abandoned: func(r *request) bool { return r.abandoned }, Dropped: leave}
		now := int64(0)
		for id := range 400 {
			now += int64(random.IntN(5))
			if random.IntN(2) == 0 {
				r := newRequest(id, 1+random.IntN(4), now, int64(random.IntN(3)))
				r.item.Priority = uint32(random.IntN(2))
				if random.IntN(4) == 0 {
					r.item.Deadline = now + int64(random.IntN(100))
				}
				left[r] = true
				q.Add(&r.item)
				r.abandoned = random.IntN(10) == 0
			}
			for _, r := range q.Expire(now, nil) {
				if r.item.Deadline > now {
					t.Fatalf("seed %d: expired early", seed)
				}
				leave(r)
			}
			busy := random.IntN(2) == 0
			d := q.Next(&policy, now, busy)
			if !busy && d.Items == 0 && q.Len() > 0 {
				t.Fatalf("seed %d: an idle device waits for %d items", seed, q.Len())
			}
			batch := q.Take(d, nil)
			rows := 0
			for _, r := range batch {
				rows += r.item.Rows
				if !slices.Equal(r.item.Key, batch[0].item.Key) {
					t.Fatalf("seed %d: shapes differ within a batch", seed)
				}
				leave(r)
			}
			if rows != d.Rows || len(batch) > 1 && rows > policy.MaxRows {
				t.Fatalf("seed %d: batch of %d rows, decided %d, at most %d", seed, rows, d.Rows, policy.MaxRows)
			}
			if q.Len() != len(left) {
				t.Fatalf("seed %d: %d queued, %d not left", seed, q.Len(), len(left))
			}
		}
	}
}

func TestNoAllocation(t *testing.T) {
	q, policy := new(Queue[request]), Policy{MaxRows: 4}
	var all []*request
	for id := range 8 {
		all = append(all, newRequest(id, 1, 0, int64(id%2)))
	}
	list := make([]*request, 0, 8)
	if got := testing.AllocsPerRun(100, func() {
		for _, r := range all {
			q.Add(&r.item)
		}
		for q.Len() > 0 {
			list = q.Take(q.Next(&policy, 0, false), list[:0])
		}
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func BenchmarkAddNextTake(b *testing.B) {
	q, policy := new(Queue[request]), Policy{MaxRows: 8}
	r := newRequest(1, 1, 0, 3)
	list := make([]*request, 0, 8)
	for b.Loop() {
		q.Add(&r.item)
		list = q.Take(q.Next(&policy, 0, false), list[:0])
	}
}

func TestAlone(t *testing.T) {
	q, policy := new(Queue[request]), Policy{MaxRows: 8, MaxDelay: 100}
	for id := range 4 {
		r := newRequest(id, 1, 0)
		r.item.Alone = id == 0 || id == 2
		q.Add(&r.item)
	}
	var got [][]int
	for q.Len() > 0 {
		got = append(got, ids(q.Take(q.Next(&policy, 0, false), nil)))
	}
	if fmt.Sprint(got) != "[[0] [1] [2] [3]]" {
		t.Errorf("batches %v", got)
	}
}

// TestDroppedItemsAreReusedAtOnce clears what was dropped, as a pool would.
func TestDroppedItemsAreReusedAtOnce(t *testing.T) {
	q := &Queue[request]{
		Abandoned: func(r *request) bool { return r.abandoned },
		Dropped:   func(r *request) { r.item = Item[request]{} },
	}
	for id := range 3 {
		r := newRequest(id, 1, 0)
		r.abandoned = id < 2
		q.Add(&r.item)
	}
	if d := q.Next(&Policy{MaxRows: 4}, 0, false); d.Rows != 1 || d.First().Value.id != 2 {
		t.Errorf("decision %+v", d)
	}
}
