package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// client is one keep-alive connection. It sends bytes that were made ahead and reads no more of a response than its length and status, because
// it shares the processor with the server that it measures.
type client struct {
	conn   net.Conn
	reader *bufio.Reader
}

// response is valid until the client's next request.
type response struct {
	status       int
	headerLength int // Inference-Header-Content-Length; 0 where there is none
	body         []byte
}

// requestTimeout is beyond every time that a request may take.
const requestTimeout = 60 * time.Second

func dial(address string) (*client, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &client{conn, bufio.NewReaderSize(conn, 16<<10)}, nil
}

func (c *client) close() { c.conn.Close() }

// inferRequest returns the bytes of an inference request.
func inferRequest(model string, p payload) []byte {
	head := fmt.Sprintf("POST /v2/models/%s/infer HTTP/1.1\r\nHost: bench\r\nInference-Header-Content-Length: %d\r\nContent-Length: %d\r\n\r\n",
		model, p.headerLength, len(p.body))
	return append([]byte(head), p.body...)
}

// send makes one exchange; the response's body is dropped unless it is kept.
func (c *client) send(request []byte, keep bool) (response, error) {
	if err := c.conn.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		return response{}, err
	}
	if _, err := c.conn.Write(request); err != nil {
		return response{}, err
	}
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return response{}, err
	}
	var r response
	if len(line) < 12 {
		return r, fmt.Errorf("malformed status line %q", line)
	}
	if r.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return r, fmt.Errorf("malformed status line %q", line)
	}
	length := 0
	for {
		if line, err = c.reader.ReadSlice('\n'); err != nil {
			return r, err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			length, err = strconv.Atoi(string(value))
		case bytes.EqualFold(name, []byte("Inference-Header-Content-Length")):
			r.headerLength, err = strconv.Atoi(string(value))
		}
		if err != nil {
			return r, fmt.Errorf("malformed header %q", line)
		}
	}
	if !keep {
		_, err = c.reader.Discard(length)
		return r, err
	}
	r.body = make([]byte, length)
	_, err = io.ReadFull(c.reader, r.body)
	return r, err
}

// exchange makes one request on a connection of its own and wants status 200.
func exchange(address, method, path string) ([]byte, error) {
	c, err := dial(address)
	if err != nil {
		return nil, err
	}
	defer c.close()
	r, err := c.send(fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: bench\r\nContent-Length: 0\r\n\r\n", method, path), true)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if r.status != 200 {
		return nil, fmt.Errorf("%s %s: status %d: %s", method, path, r.status, r.body)
	}
	return r.body, nil
}
