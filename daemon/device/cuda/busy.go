//go:build cuda

package cuda

import (
	"sync"
	"time"
)

// busy adds up the time in which at least one run is on the device, from its submission to its completion. It is what can be known without NVIDIA's management
// library: the gaps between the kernels of a run count too.
type busy struct {
	mutex   sync.Mutex
	running int
	since   time.Time // of the present stretch, while running is not 0
	total   time.Duration
}

func (b *busy) begin() {
	now := time.Now()
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.running++; b.running == 1 {
		b.since = now
	}
}

func (b *busy) end() {
	now := time.Now()
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.running--; b.running == 0 {
		b.total += now.Sub(b.since)
	}
}

func (b *busy) time() time.Duration {
	now := time.Now()
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.running == 0 {
		return b.total
	}
	return b.total + now.Sub(b.since)
}
