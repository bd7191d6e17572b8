package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/repository"
	"github.com/inferd/inferd/daemon/scheduler"
	"github.com/inferd/inferd/daemon/scheduler/staging"
)

// Kind says whose fault an error is and what the caller may do about it.
type Kind int

// The kinds of errors.
const (
	Internal        Kind = iota // a fault of the server
	NotFound                    // no such model or version
	InvalidArgument             // the request cannot be right, now or later
	Unavailable                 // not now: overload, unloading, draining; see RetryAfter
	Unsupported                 // a valid wish that is not implemented
	Timeout                     // the request's deadline has passed or cannot be met
	Cancelled                   // the caller gave the request up
)

// String names the kind as metrics and logs do.
func (k Kind) String() string {
	return [...]string{"internal", "not_found", "invalid_argument", "unavailable", "unsupported", "timeout", "cancelled"}[k]
}

// Error is an error of the engine.
type Error struct {
	Kind    Kind
	Message string
	// RetryAfter is when a caller may try again, where the kind is Unavailable.
	RetryAfter time.Duration
	// Err is the cause where there is one.
	Err error
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of an error of the engine, Internal for any other.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

func invalid(format string, args ...any) error {
	return &Error{Kind: InvalidArgument, Message: fmt.Sprintf(format, args...)}
}

// retryAfter is what refused callers are told. Credits come back within milliseconds; a second is the least that HTTP can say.
const retryAfter = time.Second

var (
	errClosing   = &Error{Kind: Unavailable, Message: "the server is shutting down", RetryAfter: retryAfter}
	errStaging   = &Error{Kind: Unavailable, Message: "no memory is left for the tensors of requests", RetryAfter: retryAfter}
	errTimeout   = &Error{Kind: Timeout, Message: "the request's timeout has passed"}
	errHopeless  = &Error{Kind: Timeout, Message: "the request's timeout cannot be met: too many requests are ahead of it"}
	errCancelled = &Error{Kind: Cancelled, Message: "the request was cancelled"}
)

// lookupError explains why a version was not found.
func lookupError(err error, name []byte, number int64) error {
	described := fmt.Sprintf("model %q", printable(name))
	if number != 0 {
		described += fmt.Sprintf(" version %d", number)
	}
	switch {
	case errors.Is(err, repository.ErrNotReady):
		return &Error{Kind: Unavailable, Message: described + " is not ready", RetryAfter: retryAfter, Err: err}
	case errors.Is(err, repository.ErrNoVersion):
		return &Error{Kind: NotFound, Message: described + " does not exist: the model has no such version", Err: err}
	}
	return &Error{Kind: NotFound, Message: described + " does not exist", Err: err}
}

// printable shortens text from outside.
func printable(text []byte) []byte { return text[:min(len(text), 128)] }

// requestError maps what the scheduler answers.
func (v *Version) requestError(err error) error {
	switch err {
	case nil:
		return nil
	case scheduler.ErrBusy:
		return v.busy
	case scheduler.ErrTimeout:
		return errTimeout
	case scheduler.ErrHopeless:
		return errHopeless
	case scheduler.ErrCancelled:
		return errCancelled
	case scheduler.ErrClosed:
		return errClosing
	}
	var shapes *scheduler.CompileError
	var data *program.DataError
	var memory *staging.ExhaustedError
	var fault *program.DeviceError
	switch {
	case errors.As(err, &fault):
		return &Error{Kind: Unavailable, Message: fmt.Sprintf("model %q: %v", v.name, err), RetryAfter: retryAfter, Err: err}
	case errors.As(err, &shapes), errors.As(err, &data):
		return &Error{Kind: InvalidArgument, Message: fmt.Sprintf("model %q: %v", v.name, err), Err: err}
	case errors.As(err, &memory) && memory.Size > memory.Limit:
		return &Error{Kind: InvalidArgument, Message: fmt.Sprintf("model %q: the request's tensors need %d bytes, more than %d", v.name, memory.Size, memory.Limit), Err: err}
	case errors.As(err, &memory):
		return errStaging
	}
	return &Error{Kind: Internal, Message: fmt.Sprintf("model %q: %v", v.name, err), Err: err}
}
