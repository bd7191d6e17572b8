package httpserver

import (
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/inferd/inferd/daemon/oip"
)

const (
	// watchInterval is how often connections of waiting requests are looked at for a client that hung up.
	watchInterval = 50 * time.Millisecond
	// watchedTicks is for how many of those intervals nothing may wait before the watcher sleeps: a server that nobody asks takes no time.
	watchedTicks = 20
	// maxIdleExchanges bounds the scratch objects kept for reuse.
	maxIdleExchanges = 1024
)

// exchange is the scratch of one inference request, reused by later ones.
type exchange struct {
	request oip.Decoder
	outputs []oip.Output
	raw     []byte // a raw BYTES element with its length prefix
	cancel  chan struct{}

	// waiting guards what the watcher reads. Nobody but the watcher contends for it, once in an interval.
	waiting sync.Mutex
	conn    net.Conn // nil while the handler does not wait for the engine
	since   int64    // looks of the watcher when the waiting began
}

// exchanges keeps exchanges for reuse and watches the connections of those that wait: fasthttp tells no handler that its client has hung up.
type exchanges struct {
	mutex sync.Mutex
	all   []*exchange // every exchange in use or kept
	idle  []*exchange

	watching atomic.Bool   // the watcher ticks, or is about to
	wake     chan struct{} // one slot: ends the watcher's sleep
	looks    atomic.Int64  // of the watcher
}

func (p *exchanges) get() *exchange {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if last := len(p.idle) - 1; last >= 0 {
		x := p.idle[last]
		p.idle = p.idle[:last]
		return x
	}
	x := &exchange{cancel: make(chan struct{})}
	p.all = append(p.all, x)
	return x
}

func (p *exchanges) put(x *exchange) {
	clear(x.outputs)
	x.outputs = x.outputs[:0]
	select {
	case <-x.cancel:
		x.cancel = make(chan struct{})
	default:
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if len(p.idle) < maxIdleExchanges {
		p.idle = append(p.idle, x)
		return
	}
	for i, other := range p.all {
		if other == x {
			p.all[i] = p.all[len(p.all)-1]
			p.all = p.all[:len(p.all)-1]
			return
		}
	}
}

// waiting lets the watcher look at the exchange's connection until it is done.
func (p *exchanges) waiting(x *exchange, conn net.Conn) {
	x.waiting.Lock()
	x.conn, x.since = conn, p.looks.Load()
	x.waiting.Unlock()
	if !p.watching.Load() && p.watching.CompareAndSwap(false, true) {
		p.wake <- struct{}{}
	}
}

// done ends waiting: from here on cancel stays as it is.
func (x *exchange) done() {
	x.waiting.Lock()
	x.conn = nil
	x.waiting.Unlock()
}

// inspect closes cancel where the client has hung up. It reports whether the exchange waits.
func (x *exchange) inspect(look int64) bool {
	x.waiting.Lock()
	defer x.waiting.Unlock()
	if x.conn == nil {
		return false
	}
	if x.since < look-1 && hungUp(x.conn) {
		close(x.cancel)
		x.conn = nil
	}
	return true
}

// watch looks at waiting exchanges until stop is called.
func (p *exchanges) watch() (stop func()) {
	end := make(chan struct{})
	go func() {
		for {
			select {
			case <-end:
				return
			case <-p.wake:
				p.tick(end)
			}
		}
	}()
	return func() { close(end) }
}

// tick looks at waiting exchanges in intervals until nothing has waited for a while.
func (p *exchanges) tick(end <-chan struct{}) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for quiet := 0; quiet < watchedTicks; quiet++ {
		select {
		case <-end:
			return
		case <-ticker.C:
			if p.inspect() {
				quiet = -1
			}
		}
	}
	p.watching.Store(false)
	// Whoever began to wait before that store saw the watcher awake, so it is looked for once more.
	if p.inspect() && p.watching.CompareAndSwap(false, true) {
		p.wake <- struct{}{}
	}
}

// inspect looks at the connection of every exchange that waits since an earlier look, and reports whether any waits.
func (p *exchanges) inspect() (found bool) {
	look := p.looks.Add(1)
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if len(p.idle) == len(p.all) {
		return false
	}
	for _, x := range p.all {
		found = x.inspect(look) || found
	}
	return found
}

// hungUp reports whether the other end has closed the connection: a look ahead, without waiting, finds the end of the stream or an error.
func hungUp(conn net.Conn) bool {
	raw, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	control, err := raw.SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	err = control.Control(func(fd uintptr) {
		var one [1]byte
		n, _, err := unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		gone = n == 0 && err == nil || err != nil && err != unix.EAGAIN && err != unix.EINTR
	})
	return gone || err != nil
}
