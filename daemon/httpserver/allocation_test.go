//go:build !race

package httpserver

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"runtime/metrics"
	"sync"
	"testing"
)

// allocated is the number of heap objects that the process has allocated.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// exchangeBytes sends a request count times and reads as many replies, each of them like the first. It allocates nothing in between.
func exchangeBytes(conn net.Conn, request, reply, want []byte, count int) error {
	for range count {
		if _, err := conn.Write(request); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, reply); err != nil {
			return err
		}
		if !bytes.Equal(reply, want) {
			return fmt.Errorf("reply %q, want %q", reply, want)
		}
	}
	return nil
}

// TestRequestAllocatesNothing counts heap objects from socket to socket under load. The clients share the process and allocate nothing.
func TestRequestAllocatesNothing(t *testing.T) {
	const clients, warm, counted = 8, 500, 3000
	d := start(t, nil)
	body, header := addSubBody(1, 5)
	request := fmt.Appendf(nil, "POST /v2/models/add_sub/infer HTTP/1.1\r\nHost: x\r\n%s: %s\r\nContent-Length: %d\r\n\r\n%s", headerLengthName, header, len(body), body)
	connections, reply := make([]net.Conn, clients), make([][]byte, clients)
	for i := range connections {
		connections[i] = d.dial(string(request))
		reply[i] = make([]byte, 1<<16)
		n, err := bufio.NewReader(connections[i]).Read(reply[i]) // small enough to come at once
		if err != nil {
			t.Fatal(err)
		}
		reply[i] = reply[i][:n]
	}
	want := bytes.Clone(reply[0])
	if !bytes.HasPrefix(want, []byte("HTTP/1.1 200")) {
		t.Fatalf("%q", want)
	}
	load := func(count int) {
		var group sync.WaitGroup
		for i, conn := range connections {
			group.Go(func() {
				if err := exchangeBytes(conn, request, reply[i], want, count); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	}
	load(warm)
	before := allocated()
	load(counted)
	each := float64(allocated()-before) / (clients * counted)
	t.Logf("%.4f heap objects per request", each)
	if each >= 0.1 {
		t.Errorf("%.3f heap objects per request, want less than 0.1", each)
	}
}
