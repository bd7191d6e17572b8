package httpserver

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// silent holds the connections that have not sent a byte yet. fasthttp counts them as idle after 5 seconds only, which Shutdown would wait for.
type silent struct {
	connections sync.Map // net.Conn to struct{}
	count       atomic.Int64
}

// note is fasthttp's hook for the state of connections. It is called for every request.
func (s *silent) note(conn net.Conn, state fasthttp.ConnState) {
	switch {
	case state == fasthttp.StateNew:
		s.connections.Store(conn, struct{}{})
		s.count.Add(1)
	case s.count.Load() > 0:
		if _, known := s.connections.LoadAndDelete(conn); known {
			s.count.Add(-1)
		}
	}
}

func (s *silent) close() {
	s.connections.Range(func(conn, _ any) bool {
		_ = conn.(net.Conn).Close()
		return true
	})
}

// Bounds of discard.
const (
	discardPause = 200 * time.Millisecond
	discardTime  = 5 * time.Second
	// maxDiscardedHeader bounds what is read on of a header that is too large.
	maxDiscardedHeader = 8 << 20
)

// discard reads what a client still sends, within bounds. Closing a connection with unread bytes resets it, and most clients that are cut off
// while they send never see the response that says why.
func discard(conn net.Conn, limit int) {
	chunk := make([]byte, 64<<10)
	for end := time.Now().Add(discardTime); limit > 0 && time.Now().Before(end); {
		if conn.SetReadDeadline(time.Now().Add(discardPause)) != nil {
			return
		}
		n, err := conn.Read(chunk)
		if err != nil {
			return
		}
		limit -= n
	}
}
