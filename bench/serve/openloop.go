package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// openLoop posts requests on a fixed schedule, whatever the answers do, over at most the given number of connections. Latencies count from the
// scheduled time. It fails where the schedule could not be kept because every connection was taken for long.
//
// One thread serves all connections from one epoll set: goroutines, which wake each other over the processors that the server computes on, took
// five times the processor time and slowed the server by a tenth.
func openLoop(address string, request []byte, perSecond float64, duration time.Duration, connections int) (outcome, error) {
	g := generator{request: request, interval: time.Duration(float64(time.Second) / perSecond), outcome: outcome{statuses: map[int]int{}}}
	defer g.close()
	if err := g.dial(address, connections); err != nil {
		return outcome{}, err
	}
	began := time.Now()
	longest, err := g.run(began, began.Add(duration))
	g.outcome.elapsed = time.Since(began) // with the time to answer what is queued
	if err == nil && longest > connections {
		err = fmt.Errorf("the load generator lagged behind: %d requests waited for a connection", longest)
	}
	return g.outcome, err
}

// generator is an open loop.
type generator struct {
	request  []byte
	interval time.Duration
	outcome  outcome

	epoll   int
	sockets map[int32]*socket
	free    []*socket
	waiting []time.Time // scheduled times of requests for which no connection is free
	buffer  [64 << 10]byte
}

// socket is a connection with at most one request under way.
type socket struct {
	conn      net.Conn
	fd        int32
	scheduled time.Time
	head      []byte // of the response, until it is complete
	left      int    // bytes of the response's body still to come; -1 while the head is incomplete
	status    int
}

func (g *generator) dial(address string, connections int) (err error) {
	if g.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	g.sockets = make(map[int32]*socket)
	for range connections {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		s := &socket{conn: conn}
		raw, err := conn.(*net.TCPConn).SyscallConn()
		if err == nil {
			err = raw.Control(func(fd uintptr) { s.fd = int32(fd) })
		}
		if err == nil {
			err = unix.EpollCtl(g.epoll, unix.EPOLL_CTL_ADD, int(s.fd), &unix.EpollEvent{Events: unix.EPOLLIN, Fd: s.fd})
		}
		if err != nil {
			conn.Close()
			return err
		}
		g.sockets[s.fd], g.free = s, append(g.free, s)
	}
	return nil
}

func (g *generator) close() {
	for _, s := range g.sockets {
		s.conn.Close()
	}
	unix.Close(g.epoll)
}

// run keeps the schedule until the end, then waits for the answers. It returns the most requests that waited for a connection.
func (g *generator) run(next, end time.Time) (longest int, err error) {
	events := make([]unix.EpollEvent, 64)
	for next.Before(end) || len(g.free) < len(g.sockets) || len(g.waiting) > 0 {
		for now := time.Now(); next.Before(end) && !next.After(now); next = next.Add(g.interval) {
			g.waiting = append(g.waiting, next)
		}
		if err := g.send(); err != nil {
			return longest, err
		}
		longest = max(longest, len(g.waiting))
		timeout := int(requestTimeout / time.Millisecond)
		if next.Before(end) {
			timeout = int(max(0, (time.Until(next)+time.Millisecond-1)/time.Millisecond))
		}
		n, err := unix.EpollWait(g.epoll, events, timeout)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return longest, err
		case n == 0 && !next.Before(end):
			return longest, errors.New("no answer within the time that a request may take")
		}
		for _, event := range events[:n] {
			if err := g.receive(g.sockets[event.Fd]); err != nil {
				return longest, err
			}
		}
	}
	return longest, nil
}

// send posts what waits, as far as there are free connections.
func (g *generator) send() error {
	for len(g.waiting) > 0 && len(g.free) > 0 {
		last := len(g.free) - 1
		s := g.free[last]
		s.scheduled, s.head, s.left = g.waiting[0], s.head[:0], -1
		if n, err := unix.Write(int(s.fd), g.request); err != nil || n != len(g.request) {
			return fmt.Errorf("sent %d of %d bytes of a request: %w", n, len(g.request), err)
		}
		g.free, g.waiting = g.free[:last], g.waiting[1:]
	}
	return nil
}

// receive takes in what has come of a response.
func (g *generator) receive(s *socket) error {
	n, err := unix.Read(int(s.fd), g.buffer[:])
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return err
	case n == 0:
		return errors.New("the server closed a connection")
	}
	if s.left < 0 {
		s.head = append(s.head, g.buffer[:n]...)
		body, err := s.parse()
		if err != nil || s.left < 0 {
			return err
		}
		n = body
	}
	if s.left -= n; s.left > 0 {
		return nil
	}
	g.outcome.statuses[s.status]++
	if s.status == 200 {
		g.outcome.latencies = append(g.outcome.latencies, time.Since(s.scheduled))
	}
	g.free = append(g.free, s)
	return nil
}

// parse reads status and length once the head is complete, and returns how much of the body has come with it.
func (s *socket) parse() (body int, err error) {
	end := bytes.Index(s.head, []byte("\r\n\r\n"))
	if end < 0 {
		return 0, nil
	}
	lines := bytes.Split(s.head[:end], []byte("\r\n"))
	if len(lines[0]) < 12 {
		return 0, fmt.Errorf("malformed status line %q", lines[0])
	}
	if s.status, err = strconv.Atoi(string(lines[0][9:12])); err != nil {
		return 0, fmt.Errorf("malformed status line %q", lines[0])
	}
	for _, line := range lines[1:] {
		name, value, _ := bytes.Cut(line, []byte(": "))
		if bytes.EqualFold(name, []byte("Content-Length")) {
			if s.left, err = strconv.Atoi(string(value)); err != nil {
				return 0, fmt.Errorf("malformed header %q", line)
			}
		}
	}
	if s.left < 0 {
		return 0, fmt.Errorf("a response without a length: %q", s.head[:end])
	}
	return len(s.head) - end - 4, nil
}
