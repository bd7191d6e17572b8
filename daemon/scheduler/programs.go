package scheduler

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/lifetime"
)

const (
	// maxPrograms and maxProgramBytes bound the programs that a model keeps; the least recently used go first.
	maxPrograms     = 256
	maxProgramBytes = 32 << 20
	// stepBytes is about what one step of a program takes.
	stepBytes = 1 << 10
)

// Compiler makes programs for concrete shapes. *compiler.Model is one.
type Compiler interface {
	Specialize(shapes [][]int64) (*program.Program, error)
}

// cachedProgram is a program with its key. The cache and each run that uses it hold a reference; the last one closes it.
type cachedProgram struct {
	*program.Program
	references lifetime.Count
	used       atomic.Int64 // when it was last looked up
	key        []int64
	hash       uint64
	rows       int
}

func (p *cachedProgram) release() {
	if p.references.Release() {
		p.Program.Close()
	}
}

func (p *cachedProgram) bytes() int64 { return int64(len(p.Steps)) * stepBytes }

// programs is the cache of one model: looked up by lanes without a lock, changed by compilations under one.
type programs struct {
	current atomic.Pointer[map[uint64]*cachedProgram]
	mutex   sync.Mutex // changes only
}

// slot is where a program for that many rows lies in the map.
func slot(hash uint64, rows int) uint64 { return (hash + uint64(rows)) * 0x9e3779b97f4a7c15 }

// lookup returns the program with a reference for the caller, nil where it is not compiled.
func (c *programs) lookup(hash uint64, key []int64, rows int, now int64) *cachedProgram {
	m := c.current.Load()
	if m == nil {
		return nil
	}
	p := (*m)[slot(hash, rows)]
	if p == nil || p.rows != rows || !slices.Equal(p.key, key) || !p.references.Acquire() {
		return nil
	}
	p.used.Store(now)
	return p
}

// has reports whether the program is compiled.
func (c *programs) has(hash uint64, key []int64, rows int) bool {
	m := c.current.Load()
	if m == nil {
		return false
	}
	p := (*m)[slot(hash, rows)]
	return p != nil && p.rows == rows && slices.Equal(p.key, key)
}

// add puts a program into the cache and drops others for it.
func (c *programs) add(p *cachedProgram, now int64) {
	p.references.Start()
	p.used.Store(now)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	next := make(map[uint64]*cachedProgram)
	bytes := p.bytes()
	if m := c.current.Load(); m != nil {
		for at, other := range *m {
			next[at] = other
			bytes += other.bytes()
		}
	}
	at := slot(p.hash, p.rows)
	var dropped []*cachedProgram
	if other := next[at]; other != nil {
		dropped = append(dropped, other)
	}
	next[at] = p
	for len(next) > 1 && (len(next) > maxPrograms || bytes > maxProgramBytes) {
		oldest := at
		for k, other := range next {
			if other != p && (oldest == at || other.used.Load() < next[oldest].used.Load()) {
				oldest = k
			}
		}
		bytes -= next[oldest].bytes()
		dropped = append(dropped, next[oldest])
		delete(next, oldest)
	}
	c.current.Store(&next)
	for _, other := range dropped {
		other.release()
	}
}

// close drops everything. No run may be under way or follow.
func (c *programs) close() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if m := c.current.Swap(nil); m != nil {
		for _, p := range *m {
			p.release()
		}
	}
}

// count is the number of cached programs.
func (c *programs) count() int {
	if m := c.current.Load(); m != nil {
		return len(*m)
	}
	return 0
}
