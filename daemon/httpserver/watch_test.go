package httpserver

import (
	"net"
	"testing"
	"time"
)

// TestWatcherSleepsAndWakes hangs up while an exchange waits: at once, and after the watcher has fallen asleep for want of anything to watch.
func TestWatcherSleepsAndWakes(t *testing.T) {
	p := exchanges{wake: make(chan struct{}, 1)}
	stop := p.watch()
	defer stop()
	for range 2 {
		client, server := connect(t)
		x := p.get()
		p.waiting(x, server)
		if !p.watching.Load() {
			t.Fatal("nothing watches a waiting exchange")
		}
		client.Close()
		select {
		case <-x.cancel:
		case <-time.After(10 * time.Second):
			t.Fatal("a client that hung up was not noticed")
		}
		x.done()
		p.put(x)
		for end := time.Now().Add(10 * time.Second); p.watching.Load(); time.Sleep(watchInterval) {
			if time.Now().After(end) {
				t.Fatal("the watcher does not sleep")
			}
		}
	}
}

// connect returns both ends of a connection.
func connect(t *testing.T) (client, server net.Conn) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if client, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}
