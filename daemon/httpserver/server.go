package httpserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/inferd/inferd/daemon/engine"
	"github.com/inferd/inferd/daemon/metrics"
	"github.com/inferd/inferd/daemon/oip"
)

// Limits that hold where Options say nothing.
const (
	DefaultMaxRequestBytes = 64 << 20
	DefaultReadTimeout     = 30 * time.Second
	DefaultIdleTimeout     = 2 * time.Minute
	DefaultMaxConnections  = 16384
)

// Options configure a Server. Zero values mean the defaults.
type Options struct {
	Engine  *engine.Engine
	Metrics *metrics.Metrics
	Version string // of the server, for its metadata
	// MaxRequestBytes bounds a body, after decompression too.
	MaxRequestBytes int
	// ReadTimeout bounds the time that a client takes to send a request, IdleTimeout that between two.
	ReadTimeout, IdleTimeout time.Duration
	MaxConnections           int
	Logger                   *slog.Logger
}

// Server is the HTTP front end of an engine.
type Server struct {
	options   Options
	engine    *engine.Engine
	http      *fasthttp.Server
	exchanges exchanges
	draining  atomic.Bool
	silent    silent
}

// New returns a server; Serve starts it.
func New(o Options) *Server {
	if o.MaxRequestBytes == 0 {
		o.MaxRequestBytes = DefaultMaxRequestBytes
	}
	if o.ReadTimeout == 0 {
		o.ReadTimeout = DefaultReadTimeout
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = DefaultIdleTimeout
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = DefaultMaxConnections
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &Server{options: o, engine: o.Engine, exchanges: exchanges{wake: make(chan struct{}, 1)}}
	s.http = &fasthttp.Server{
		Name:                  "inferd",
		Handler:               s.handle,
		ErrorHandler:          s.transportError,
		ConnState:             s.silent.note,
		Concurrency:           o.MaxConnections,
		ReadTimeout:           o.ReadTimeout,
		WriteTimeout:          o.ReadTimeout,
		IdleTimeout:           o.IdleTimeout,
		MaxRequestBodySize:    o.MaxRequestBytes,
		NoDefaultDate:         true,
		NoDefaultContentType:  true,
		CloseOnShutdown:       true,
		SecureErrorLogMessage: true,
		Logger:                transportLog{o.Logger},
	}
	return s
}

// transportLog passes on what fasthttp has to say of broken connections, which is of interest while debugging only.
type transportLog struct{ logger *slog.Logger }

// Printf implements fasthttp.Logger.
func (l transportLog) Printf(format string, args ...any) {
	l.logger.Debug("http transport", "message", fmt.Sprintf(format, args...))
}

// Serve accepts connections until Shutdown.
func (s *Server) Serve(listener net.Listener) error {
	stop := s.exchanges.watch()
	defer stop()
	return s.http.Serve(listener)
}

// Drain makes readiness checks fail and new inference requests be refused, while connections stay open.
func (s *Server) Drain() { s.draining.Store(true) }

// Shutdown stops accepting connections, closes the idle ones and waits until the others are through with their request, or the context ends.
func (s *Server) Shutdown(ctx context.Context) error {
	s.silent.close()
	return s.http.ShutdownWithContext(ctx)
}

// transportError answers requests that never became one.
func (s *Server) transportError(ctx *fasthttp.RequestCtx, err error) {
	var small *fasthttp.ErrSmallBuffer
	var network *net.OpError
	switch {
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		discard(ctx.Conn(), 2*s.options.MaxRequestBytes)
		s.fail(ctx, fasthttp.StatusRequestEntityTooLarge, fmt.Sprintf("the request's body is larger than %d bytes", s.options.MaxRequestBytes))
	case errors.As(err, &small):
		discard(ctx.Conn(), maxDiscardedHeader)
		s.fail(ctx, fasthttp.StatusRequestHeaderFieldsTooLarge, "the request's header is too large")
	case errors.As(err, &network) && network.Timeout():
		s.fail(ctx, fasthttp.StatusRequestTimeout, fmt.Sprintf("the request did not arrive within %v", s.options.ReadTimeout))
	default:
		s.fail(ctx, fasthttp.StatusBadRequest, "malformed HTTP request: "+err.Error())
	}
}

// handle routes a request.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	r := parsePath(requestPath(ctx))
	if r.endpoint == notFound {
		s.fail(ctx, fasthttp.StatusNotFound, fmt.Sprintf("no such endpoint: %s", ctx.Path()))
		return
	}
	if want := methods[r.endpoint]; string(ctx.Method()) != want && !(ctx.IsHead() && want == fasthttp.MethodGet) {
		ctx.Response.Header.Set(fasthttp.HeaderAllow, want)
		s.fail(ctx, fasthttp.StatusMethodNotAllowed, fmt.Sprintf("%s %s: want %s", ctx.Method(), ctx.Path(), want))
		return
	}
	if r.endpoint == modelInfer {
		s.infer(ctx, r)
		return
	}
	s.describe(ctx, r)
}

// requestPath is the decoded path. A plain one is taken as it came, without parsing the URI.
func requestPath(ctx *fasthttp.RequestCtx) []byte {
	uri := ctx.Request.Header.RequestURI()
	if len(uri) > 0 && uri[0] == '/' && !bytes.ContainsAny(uri, "%?#\\") && !bytes.Contains(uri, doubleSlash) && !bytes.Contains(uri, slashDot) {
		return uri
	}
	return ctx.Path()
}

var doubleSlash, slashDot = []byte("//"), []byte("/.")

// number parses a version; empty means the latest.
func number(version []byte) (int64, error) {
	if len(version) == 0 {
		return 0, nil
	}
	n, err := strconv.ParseInt(string(version), 10, 64)
	if err != nil || n < 1 {
		return 0, &oip.Error{Status: fasthttp.StatusBadRequest, Message: fmt.Sprintf("version %q is not a positive number", version)}
	}
	return n, nil
}

// statuses maps the engine's kinds of errors.
var statuses = map[engine.Kind]int{
	engine.Internal: fasthttp.StatusInternalServerError, engine.NotFound: fasthttp.StatusNotFound, engine.InvalidArgument: fasthttp.StatusBadRequest,
	engine.Unavailable: fasthttp.StatusServiceUnavailable, engine.Unsupported: fasthttp.StatusNotImplemented,
	engine.Timeout: fasthttp.StatusServiceUnavailable, engine.Cancelled: fasthttp.StatusBadRequest,
}

// failWith answers with an error of the protocol or the engine and returns the outcome's name for metrics.
func (s *Server) failWith(ctx *fasthttp.RequestCtx, err error) (outcome string) {
	var protocol *oip.Error
	if errors.As(err, &protocol) {
		s.fail(ctx, protocol.Status, protocol.Message)
		return engine.InvalidArgument.String()
	}
	kind := engine.KindOf(err)
	var refused *engine.Error
	if errors.As(err, &refused) && kind == engine.Unavailable {
		seconds := max(1, int((refused.RetryAfter+time.Second-1)/time.Second))
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, strconv.Itoa(seconds))
	}
	if kind == engine.Internal {
		s.options.Logger.Error("request failed", "path", string(ctx.Path()), "error", err)
	}
	s.fail(ctx, statuses[kind], err.Error())
	return kind.String()
}

// fail answers with an error.
func (s *Server) fail(ctx *fasthttp.RequestCtx, status int, message string) {
	ctx.Response.SetStatusCode(status)
	ctx.Response.Header.SetContentType(jsonType)
	ctx.Response.SetBody(oip.AppendError(nil, message))
}
