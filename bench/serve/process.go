package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// server is a server under test, in a process of its own.
type server struct {
	command   *exec.Cmd
	address   string // of the HTTP front end
	metrics   string
	startTime time.Duration // from exec to ready
	log       bytes.Buffer
	exited    chan struct{}
}

// startLimit bounds how long a server may take to be ready.
const startLimit = 60 * time.Second

// start runs the command and waits until it tells systemd's way that it is ready.
func start(command *exec.Cmd, socketFolder string) (*server, error) {
	path := filepath.Join(socketFolder, "notify")
	_ = os.Remove(path) // of an earlier server
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	s := &server{command: command, exited: make(chan struct{})}
	command.Env = append(os.Environ(), "NOTIFY_SOCKET="+path)
	command.Stderr = &s.log
	began := time.Now()
	if err := command.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = command.Wait() // how it ended is of no interest; that it did is
		close(s.exited)
		socket.Close()
	}()
	if err := socket.SetReadDeadline(began.Add(startLimit)); err != nil {
		return nil, err
	}
	message := make([]byte, 256)
	for {
		n, err := socket.Read(message)
		if err != nil {
			s.stop()
			return nil, fmt.Errorf("%s was not ready: %w: %s", command.Path, err, s.log.Bytes())
		}
		if strings.Contains(string(message[:n]), "READY=1") {
			s.startTime = time.Since(began)
			return s, nil
		}
	}
}

// startInferd serves the model folder on free ports.
func (b *bench) startInferd(models string, flags ...string) (*server, error) {
	return b.startBinary(b.inferd, models, flags...)
}

func (b *bench) startBinary(binary, models string, flags ...string) (*server, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	flags = append([]string{"serve", models, "--greet=false", "--http-port", strconv.Itoa(ports[0]), "--metrics-port", strconv.Itoa(ports[1])}, flags...)
	s, err := start(exec.Command(binary, flags...), b.scratch)
	if err != nil {
		return nil, err
	}
	s.address, s.metrics = localAddress(ports[0]), localAddress(ports[1])
	return s, nil
}

// startModels lays the models out in a folder of its own and serves it.
func (b *bench) startModels(names ...string) (*server, string, error) {
	folder, err := os.MkdirTemp(b.scratch, "models")
	if err != nil {
		return nil, "", err
	}
	if err := layOut(folder, b.cases, names...); err != nil {
		return nil, "", err
	}
	s, err := b.startInferd(folder)
	return s, folder, err
}

func localAddress(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// stop ends the server, by force where it does not go.
func (s *server) stop() {
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		fmt.Fprintln(os.Stderr, "bench: cannot end", s.command.Path, err)
	}
	select {
	case <-s.exited:
	case <-time.After(10 * time.Second):
		_ = s.command.Process.Kill() // it is gone if this fails
		<-s.exited
	}
}

// cpu is the processor time, user and system, that the server has used in all its threads.
func (s *server) cpu() (time.Duration, error) {
	const schedulerClock = 2 // CPUCLOCK_SCHED, see clock_getcpuclockid(3)
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^s.command.Process.Pid<<3|schedulerClock), &t); err != nil {
		return 0, fmt.Errorf("processor time of process %d: %w", s.command.Process.Pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// memory is a field of /proc/PID/status in bytes: VmRSS, VmHWM.
func (s *server) memory(name string) (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kilobytes, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/PID/status has no %s", name)
}

// metric reads a sample without labels from the server's metrics.
func (s *server) metric(name string) (float64, error) {
	response, err := http.Get("http://" + s.metrics + "/metrics")
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(page)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			return strconv.ParseFloat(strings.TrimSpace(rest), 64)
		}
	}
	return 0, fmt.Errorf("no metric %s", name)
}
