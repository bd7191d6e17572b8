//go:build linux && amd64 && cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/inferd/inferd/daemon/engine"
	"github.com/inferd/inferd/daemon/httpserver"
	"github.com/inferd/inferd/daemon/metrics"
)

// sendTimeout bounds the end of the shutdown, in which clients receive the last answers.
const sendTimeout = 2 * time.Second

// serveOptions are the flags of serve.
type serveOptions struct {
	devices         deviceFlags
	address         string
	httpPort        int
	metricsPort     int
	maxRequestBytes int
	credits         int
	lanes           int
	logLevel        string
	logFormat       string
	drain           time.Duration
	greet           bool
}

func newServeCommand() *cobra.Command {
	var o serveOptions
	c := &cobra.Command{
		Use:   "serve MODELS",
		Short: "Serve the models of a folder",
		Long: "Serves every model of the folder MODELS: <name>/<version>/model.onnx, or <name>.onnx. SIGHUP takes up what changed in the folder; SIGTERM\n" +
			"finishes the requests in flight, refuses new ones with 503, and exits.",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return serve(o, args[0]) },
	}
	o.devices.register(c, deviceAuto)
	f := c.Flags()
	f.StringVar(&o.address, "listen-address", "127.0.0.1", "address that all ports listen on")
	f.IntVar(&o.httpPort, "http-port", 8000, "port of the HTTP front end")
	f.IntVar(&o.metricsPort, "metrics-port", 8002, "port of the Prometheus metrics")
	f.IntVar(&o.maxRequestBytes, "max-request-bytes", httpserver.DefaultMaxRequestBytes, "largest request body, decompressed")
	f.IntVar(&o.credits, "max-in-flight", 0, "requests of one model that may be queued or running (default 256)")
	f.IntVar(&o.lanes, "lanes", 1, "lanes of the device: programs that may run side by side")
	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&o.logFormat, "log-format", "", "text or json (default: text on a terminal, else json)")
	f.DurationVar(&o.drain, "drain-timeout", 30*time.Second, "how long requests in flight may take after SIGTERM")
	f.BoolVar(&o.greet, "greet", term.IsTerminal(int(os.Stdout.Fd())), "print what is served and an example call to stdout (default: on a terminal)")
	return c
}

func (o *serveOptions) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return nil, usageError{fmt.Errorf("--log-level %q: want debug, info, warn or error", o.logLevel)}
	}
	options := &slog.HandlerOptions{Level: level}
	switch {
	case o.logFormat == "text" || o.logFormat == "" && term.IsTerminal(int(os.Stderr.Fd())):
		return slog.New(slog.NewTextHandler(os.Stderr, options)), nil
	case o.logFormat == "json" || o.logFormat == "":
		return slog.New(slog.NewJSONHandler(os.Stderr, options)), nil
	}
	return nil, usageError{fmt.Errorf("--log-format %q: want text or json", o.logFormat)}
}

// server is a running daemon.
type server struct {
	options serveOptions
	models  string
	logger  *slog.Logger
	engine  *engine.Engine
	http    *httpserver.Server
	metrics *http.Server
	failed  chan error
}

func serve(o serveOptions, models string) error {
	logger, err := o.logger()
	if err != nil {
		return err
	}
	slog.SetDefault(logger)
	if info, err := os.Stat(models); err != nil {
		return err
	} else if !info.IsDir() {
		return usageError{fmt.Errorf("%s is no folder of models", models)}
	}
	d, err := o.devices.open()
	if err != nil {
		return err
	}
	defer d.close()
	var none *noDriverError
	switch {
	case errors.As(d.missing, &none):
		logger.Info("no GPU, models run on the CPU", "reason", d.missing)
	case d.missing != nil:
		logger.Warn("a GPU cannot be used; models that it should run do so on what works", "reason", d.missing)
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	s := &server{options: o, models: models, logger: logger, failed: make(chan error, 2)}
	if err := s.start(d); err != nil {
		return err
	}
	return s.run(signals)
}

// start listens first, so that a port in use is found before models are loaded, then loads the models.
func (s *server) start(d *devices) error {
	measured := metrics.New(version)
	httpListener, err := s.listen(s.options.httpPort)
	if err != nil {
		return err
	}
	metricsListener, err := s.listen(s.options.metricsPort)
	if err != nil {
		return err
	}
	s.engine, err = engine.New(engine.Options{
		Models: s.models, Units: d.engineUnits(s.options.lanes), Evaluator: d.reference, Precision: d.precision,
		Credits: s.options.credits, MaxRequestBytes: int64(s.options.maxRequestBytes), Logger: s.logger,
		Attach: func(model string, _ int64) any { return measured.Model(model) },
	})
	if err != nil {
		return err
	}
	measured.Registry.MustRegister(&engineCollector{s.engine, d.observed()})
	s.http = httpserver.New(httpserver.Options{Engine: s.engine, Metrics: measured, Version: version, MaxRequestBytes: s.options.maxRequestBytes, Logger: s.logger})
	s.metrics = &http.Server{Handler: metricsHandler(measured), ReadHeaderTimeout: 10 * time.Second}
	go func() { s.failed <- s.http.Serve(httpListener) }()
	go func() { s.failed <- s.metrics.Serve(metricsListener) }()
	began := time.Now()
	if err := s.engine.Start(); err != nil {
		// The other models serve; the index tells which do not, and why.
		s.logger.Error("some models could not be loaded", "error", err)
	}
	info := s.engine.Device()
	s.logger.Info("ready", "http", httpListener.Addr().String(), "metrics", metricsListener.Addr().String(), "device", info.Name,
		"description", info.Description, "models", len(s.engine.Versions("")), "load_seconds", time.Since(began).Seconds())
	s.greet(httpListener.Addr().String())
	s.notify(daemon.SdNotifyReady)
	return nil
}

// metricsHandler serves the metrics, and the Go runtime's profiles beside them.
func metricsHandler(measured *metrics.Metrics) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(measured.Registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

func (s *server) listen(port int) (net.Listener, error) {
	return net.Listen("tcp", net.JoinHostPort(s.options.address, strconv.Itoa(port)))
}

// notify tells systemd, where it started the daemon.
func (s *server) notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		s.logger.Warn("cannot notify systemd", "error", err)
	}
}

// run serves until a signal ends it.
func (s *server) run(signals <-chan os.Signal) error {
	for {
		select {
		case err := <-s.failed:
			return fmt.Errorf("serve: %w", err)
		case received := <-signals:
			if received != syscall.SIGHUP {
				s.logger.Info("draining", "signal", received.String())
				return s.stop(signals)
			}
			s.reload()
		}
	}
}

// reload takes up what changed in the model folder, in the background: serving goes on.
func (s *server) reload() {
	go func() {
		s.notify(daemon.SdNotifyReloading)
		err := s.engine.Rescan()
		s.notify(daemon.SdNotifyReady)
		if err != nil {
			s.logger.Error("reload failed for some models; their predecessors serve on", "error", err)
			return
		}
		s.logger.Info("reloaded", "models", len(s.engine.Versions("")))
	}()
}

// stop drains: requests in flight finish, new ones get 503. A second signal ends the wait.
func (s *server) stop(signals <-chan os.Signal) error {
	s.notify(daemon.SdNotifyStopping)
	s.http.Drain()
	ctx, cancel := context.WithTimeout(context.Background(), s.options.drain)
	defer cancel()
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := s.engine.Close(ctx)
	if err != nil {
		err = fmt.Errorf("requests were still in flight after %v: %w", s.options.drain, err)
	}
	// Every answer is there by now; what remains is to send the last ones.
	sending, stop := context.WithTimeout(context.Background(), sendTimeout)
	defer stop()
	if late := s.http.Shutdown(sending); late != nil && !errors.Is(late, context.DeadlineExceeded) {
		err = errors.Join(err, late)
	}
	s.logger.Info("stopped")
	return errors.Join(err, s.metrics.Close())
}
