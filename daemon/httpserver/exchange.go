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
	socket  int32    // of conn, once the watcher has asked for it; else -1
}

// exchanges keeps exchanges for reuse and watches the connections of those that wait: fasthttp tells no handler that its client has hung up.
type exchanges struct {
	mutex sync.Mutex
	all   []*exchange // every exchange in use or kept
	idle  []*exchange

	watching atomic.Bool   // the watcher ticks, or is about to
	wake     chan struct{} // one slot: ends the watcher's sleep
	looks    atomic.Int64  // of the watcher

	// The watcher's own: the sockets of one look, and whose they are.
	polled   []unix.PollFd
	suspects []*exchange
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
	x.conn, x.since, x.socket = conn, p.looks.Load(), -1
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

// due reports whether the exchange waits, and the socket to look at where it has waited since an earlier look; -1 where there is none.
func (x *exchange) due(look int64) (waits bool, socket int32) {
	x.waiting.Lock()
	defer x.waiting.Unlock()
	if x.conn == nil {
		return false, -1
	}
	if x.since >= look-1 {
		return true, -1
	}
	if x.socket < 0 {
		x.socket = socketOf(x.conn)
	}
	return true, x.socket
}

// hungUp closes cancel, unless the exchange has ceased to wait since the look at its socket, which may be another's by now.
func (x *exchange) hungUp(look int64) {
	x.waiting.Lock()
	defer x.waiting.Unlock()
	if x.conn != nil && x.since < look-1 {
		close(x.cancel)
		x.conn = nil
	}
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

// inspect looks at the connection of every exchange that waits since an earlier look, and reports whether any waits. One system call serves all.
func (p *exchanges) inspect() (found bool) {
	look := p.looks.Add(1)
	p.polled, p.suspects = p.polled[:0], p.suspects[:0]
	p.mutex.Lock()
	if len(p.idle) < len(p.all) {
		for _, x := range p.all {
			waits, socket := x.due(look)
			found = found || waits
			if socket >= 0 {
				p.polled = append(p.polled, unix.PollFd{Fd: socket, Events: unix.POLLRDHUP})
				p.suspects = append(p.suspects, x)
			}
		}
	}
	p.mutex.Unlock()
	if n, err := unix.Poll(p.polled, 0); n <= 0 || err != nil { // interrupted: the next look will tell
		return found
	}
	for i := range p.polled {
		if p.polled[i].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0 {
			p.suspects[i].hungUp(look)
		}
	}
	return found
}

// socketOf returns the file descriptor of a connection, which is valid as long as the connection is open; -1 where it has none.
func socketOf(conn net.Conn) int32 {
	socket := int32(-1)
	raw, ok := conn.(syscall.Conn)
	if !ok {
		return socket
	}
	control, err := raw.SyscallConn()
	if err != nil {
		return socket
	}
	if control.Control(func(fd uintptr) { socket = int32(fd) }) != nil {
		return -1
	}
	return socket
}
