package lifetime

import (
	"sync"
	"sync/atomic"
	"testing"
)

func TestLastReleaseFreesOnce(t *testing.T) {
	for range 200 {
		var c Count
		c.Start()
		var freed, users atomic.Int64
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for c.Acquire() {
					users.Add(1)
					if freed.Load() != 0 {
						t.Error("acquired what was freed")
					}
					users.Add(-1)
					if c.Release() {
						freed.Add(1)
					}
				}
			})
		}
		if c.Release() {
			freed.Add(1)
		}
		group.Wait()
		if freed.Load() != 1 || c.Acquire() || c.References() != 0 {
			t.Fatalf("freed %d times, %d references", freed.Load(), c.References())
		}
	}
}

func TestReleaseTooOftenPanics(t *testing.T) {
	var c Count
	c.Start()
	c.Release()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	c.Release()
}
