package ring

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

type item struct{ producer, number int }

func TestOrderFullAndWrap(t *testing.T) {
	r := New[item](3)
	if r.Cap() != 4 {
		t.Fatalf("capacity %d, want 4", r.Cap())
	}
	next := 0
	for round := range 10 {
		for i := range 4 {
			if got := r.Push(&item{number: round*4 + i}); got != Pushed {
				t.Fatalf("push %d of round %d: %v", i, round, got)
			}
		}
		if got := r.Push(&item{}); got != Full {
			t.Fatalf("push into a full ring: %v", got)
		}
		if r.Len() != 4 {
			t.Fatalf("length %d, want 4", r.Len())
		}
		for range 4 {
			if got := r.Pop(); got == nil || got.number != next {
				t.Fatalf("popped %v, want number %d", got, next)
			}
			next++
		}
		if got := r.Pop(); got != nil {
			t.Fatalf("popped %v from an empty ring", got)
		}
	}
}

func TestOwnership(t *testing.T) {
	r := New[item](4)
	if !r.Own() || r.Own() {
		t.Fatal("exactly the first caller owns a free ring")
	}
	if !r.Disown() || !r.Own() {
		t.Fatal("an empty ring can be disowned, and owned again")
	}
	r.Push(&item{})
	if r.Disown() {
		t.Fatal("disowned a ring that holds something")
	}
	r.Pop()
	r.HandOver()
	r.Await() // returns at once
	if !r.Disown() {
		t.Fatal("an empty ring can be disowned by whom it was handed to")
	}
}

func TestClose(t *testing.T) {
	r := New[item](4)
	r.Push(&item{number: 7})
	r.Close()
	if got := r.Push(&item{}); got != Closed {
		t.Fatalf("push after close: %v", got)
	}
	r.Await() // Close woke the consumer
	if r.Drained() {
		t.Fatal("drained while an item is left")
	}
	if got := r.Pop(); got == nil || got.number != 7 {
		t.Fatalf("popped %v", got)
	}
	if !r.Drained() || r.Disown() {
		t.Fatal("a drained ring stays with its last owner")
	}
}

func TestNewPanicsOnCapacity(t *testing.T) {
	for _, capacity := range []int{0, -1, MaxCapacity + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("capacity %d was accepted", capacity)
				}
			}()
			New[item](capacity)
		}()
	}
}

// TestStress lets producers and a parked consumer pass ownership about: every push is popped once and in its producer's
// order, by whichever goroutine owns; a lost wake-up leaves the test hanging.
func TestStress(t *testing.T) {
	const producers, pushes = 6, 20_000
	r := New[item](64)
	var popped, inPlace, refused atomic.Int64
	var last [producers]int // touched by the owner alone: the race detector watches that
	var busy atomic.Int32
	consume := func() {
		if busy.Add(1) != 1 {
			t.Error("two owners at once")
		}
		for got := r.Pop(); got != nil; got = r.Pop() {
			if got.number != last[got.producer]+1 {
				t.Errorf("producer %d: popped %d after %d", got.producer, got.number, last[got.producer])
			}
			last[got.producer] = got.number
			popped.Add(1)
		}
		busy.Add(-1)
	}
	laneDone := make(chan struct{})
	go func() {
		defer close(laneDone)
		for {
			r.Await()
			for {
				consume()
				if r.Drained() {
					return
				}
				if r.Disown() {
					break
				}
			}
		}
	}()
	var group sync.WaitGroup
	for p := range producers {
		group.Go(func() {
			for n := 1; n <= pushes; n++ {
				for r.Push(&item{p, n}) != Pushed {
					refused.Add(1)
					runtime.Gosched()
				}
				if !r.Own() {
					continue
				}
				if n%3 == 0 {
					r.HandOver()
					continue
				}
				inPlace.Add(1)
				consume()
				if !r.Disown() {
					r.HandOver()
				}
			}
		})
	}
	group.Wait()
	r.Close()
	<-laneDone
	if got := popped.Load(); got != producers*pushes {
		t.Errorf("popped %d, want %d", got, producers*pushes)
	}
	t.Logf("consumed in place %d times, full %d times", inPlace.Load(), refused.Load())
}

func TestNoAllocation(t *testing.T) {
	r := New[item](8)
	value := new(item)
	if got := testing.AllocsPerRun(1000, func() {
		r.Push(value)
		r.Own()
		r.Pop()
		r.Disown()
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func BenchmarkPushPop(b *testing.B) {
	r := New[item](1024)
	value := new(item)
	for b.Loop() {
		r.Push(value)
		if r.Own() {
			r.Pop()
			r.Disown()
		}
	}
}

func BenchmarkChannelSendReceive(b *testing.B) {
	c := make(chan *item, 1024)
	value := new(item)
	for b.Loop() {
		c <- value
		<-c
	}
}

// BenchmarkManyProducers pushes from every processor; whoever owns pops.
func BenchmarkManyProducers(b *testing.B) {
	r := New[item](1024)
	value := new(item)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			for r.Push(value) != Pushed {
				runtime.Gosched()
			}
			if !r.Own() {
				continue
			}
			for more := true; more; more = !r.Disown() {
				for r.Pop() != nil {
				}
			}
		}
	})
}

// BenchmarkManyProducersChannel is the same with a channel that a producer empties now and then.
func BenchmarkManyProducersChannel(b *testing.B) {
	c := make(chan *item, 1024)
	value := new(item)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			c <- value
			select {
			case <-c:
			default:
			}
		}
	})
}
