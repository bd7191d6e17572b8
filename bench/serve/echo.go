package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/valyala/fasthttp"
)

// serveEcho is the peer: fasthttp with the settings of inferd's front end, that reads every request in full and answers the same bytes to all.
// The answer's file holds the length of its JSON header on the first line.
func serveEcho(address, answer string) error {
	content, err := os.ReadFile(answer)
	if err != nil {
		return err
	}
	headerLength, body, ok := bytes.Cut(content, []byte("\n"))
	if !ok {
		return fmt.Errorf("%s has no first line", answer)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	s := &fasthttp.Server{
		Name: "inferd", NoDefaultDate: true, NoDefaultContentType: true,
		Handler: func(ctx *fasthttp.RequestCtx) {
			ctx.Response.Header.SetContentType("application/octet-stream")
			ctx.Response.Header.SetBytesV("Inference-Header-Content-Length", headerLength)
			ctx.Response.SetBody(body)
		},
	}
	if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
		return err
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	go func() {
		<-end
		os.Exit(0)
	}()
	return s.Serve(listener)
}

// startEcho runs this program as the echo server of a response.
func (b *bench) startEcho(r response) (*server, error) {
	answer := filepath.Join(b.scratch, "answer")
	if err := os.WriteFile(answer, append([]byte(strconv.Itoa(r.headerLength)+"\n"), r.body...), 0o644); err != nil {
		return nil, err
	}
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s, err := start(exec.Command(self, "-echo", localAddress(ports[0]), "-answer", answer), b.scratch)
	if err != nil {
		return nil, err
	}
	s.address = localAddress(ports[0])
	return s, nil
}
