package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/inferd/inferd/daemon/compiler/optimize"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/repository"
	"github.com/inferd/inferd/daemon/scheduler"
	"github.com/inferd/inferd/daemon/scheduler/staging"
)

const (
	// DefaultMaxRequestBytes bounds the inputs of one request.
	DefaultMaxRequestBytes = 64 << 20
	// DefaultStagingBytes bounds the memory for the tensors of all requests in flight.
	DefaultStagingBytes = 4 << 30
	// DefaultKeptBytes bounds the staging memory that is kept for reuse.
	DefaultKeptBytes = 32 << 20
)

// Options configure an engine. Zero values mean the defaults.
type Options struct {
	// Models is the model folder.
	Models string
	// Units are where models run, in order of preference.
	Units []UnitOptions
	// Evaluator computes constants while models are compiled.
	Evaluator device.Evaluator
	// Precision is what GPUs compute in where a model's configuration does not say.
	Precision optimize.Precision
	// Credits bounds the requests of a model in flight; 0 means scheduler.DefaultCredits.
	Credits         int
	MaxRequestBytes int64
	StagingBytes    int64
	KeptBytes       int64
	// Attach is called for each version that is loaded; its result is Version.Attached. It may be nil.
	Attach func(model string, version int64) any
	// Logger hears of loads, reloads and faults; nil means slog.Default.
	Logger *slog.Logger
}

// Engine is safe for concurrent use.
type Engine struct {
	options    Options
	log        *slog.Logger
	staging    *staging.Pool
	clock      func() int64
	units      []*unit
	repository *repository.Repository[*Version]
	handles    sync.Pool // of *Request
	flights    sync.Pool // of *flight

	started, closing atomic.Bool
	placements       sync.WaitGroup // loaded and not freed
}

// New returns an engine without models; Start loads them.
func New(options Options) (*Engine, error) {
	if len(options.Units) == 0 || options.Evaluator == nil {
		return nil, errors.New("the engine needs a device and an evaluator")
	}
	setDefault(&options.MaxRequestBytes, DefaultMaxRequestBytes)
	setDefault(&options.StagingBytes, DefaultStagingBytes)
	setDefault(&options.KeptBytes, DefaultKeptBytes)
	e := &Engine{options: options, log: options.Logger, staging: staging.New(options.StagingBytes, options.KeptBytes)}
	if e.log == nil {
		e.log = slog.Default()
	}
	e.clock = scheduler.NewClock()
	e.repository = repository.New(options.Models, e.load)
	for _, u := range options.Units {
		e.units = append(e.units, e.newUnit(u))
	}
	return e, nil
}

func setDefault(value *int64, standard int64) {
	if *value == 0 {
		*value = standard
	}
}

// Start loads every model of the folder. Models that fail are reported in the error and in the index; the others serve.
func (e *Engine) Start() error {
	err := e.repository.Rescan()
	e.started.Store(true)
	return err
}

// Rescan takes up what changed in the model folder. Versions that fail to load leave their predecessors serving.
func (e *Engine) Rescan() error { return e.repository.Rescan() }

// Load loads a model of the folder, or takes up what changed in its files.
func (e *Engine) Load(name string) error { return e.repositoryError(name, e.repository.Load(name)) }

// Unload retires a model: requests in flight finish, later ones are refused.
func (e *Engine) Unload(name string) error { return e.repositoryError(name, e.repository.Unload(name)) }

func (e *Engine) repositoryError(name string, err error) error {
	switch {
	case err == nil:
		return nil
	case e.closing.Load():
		return errClosing
	case errors.Is(err, repository.ErrNoModel):
		return lookupError(err, []byte(name), 0)
	}
	return &Error{Kind: InvalidArgument, Message: err.Error(), Err: err}
}

// Now is the time since the engine was made, by the clock of requests' timings.
func (e *Engine) Now() time.Duration { return time.Duration(e.clock()) }

// Index lists every version in the folder with its state.
func (e *Engine) Index() []repository.IndexEntry { return e.repository.Index() }

// Ready reports whether the server accepts requests: the models were loaded and have run, a device works, and it does not shut down.
func (e *Engine) Ready() bool {
	return e.started.Load() && !e.closing.Load() && slices.ContainsFunc(e.units, (*unit).working)
}

// ModelReady reports why the version (0: the latest) does not serve; nil means that it does.
func (e *Engine) ModelReady(name []byte, number int64) error {
	if e.closing.Load() {
		return errClosing
	}
	v, err := e.repository.Lookup(name, number)
	if err != nil {
		return lookupError(err, name, number)
	}
	if !v.works() {
		return v.lost
	}
	return nil
}

// Describe returns the version that serves (0: the latest), for its metadata. It need not be released.
func (e *Engine) Describe(name []byte, number int64) (*Version, error) {
	v, err := e.repository.Lookup(name, number)
	if err != nil {
		return nil, lookupError(err, name, number)
	}
	return v, nil
}

// Versions returns the versions that serve: of one model where the name is not empty, else all.
func (e *Engine) Versions(name string) []*Version { return e.repository.Serving(name) }

// StagingBytes is the memory that tensors of requests take: in use, and kept for reuse.
func (e *Engine) StagingBytes() (inUse, kept int64) { return e.staging.InUse(), e.staging.Kept() }

// Device describes the best device that works; the first one where none does.
func (e *Engine) Device() device.Info {
	for _, u := range e.units {
		if u.working() {
			return u.info
		}
	}
	return e.units[0].info
}

// Close refuses new requests, waits until those in flight are over, and frees the models. Where the context ends first, it
// returns its error and leaves the memory to the end of the process.
func (e *Engine) Close(ctx context.Context) error {
	if e.closing.Swap(true) {
		return errClosing
	}
	e.repository.Close()
	drained := make(chan struct{})
	go func() {
		e.placements.Wait()
		close(drained)
	}()
	select {
	case <-drained:
	case <-ctx.Done():
		return fmt.Errorf("requests were still in flight: %w", ctx.Err())
	}
	for _, u := range e.units {
		u.scheduler.Close()
	}
	e.staging.Trim()
	return nil
}
