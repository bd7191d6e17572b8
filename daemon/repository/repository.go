// Package repository turns a folder of models into an immutable snapshot of loaded versions, and replaces it without
// disturbing those who use the old one.
//
// In: a folder (<model>/<version>/model.onnx, or <model>.onnx as version 1), and a Loader that makes something runnable of a
// file. Out: lookups by name and version, without a lock; an index of what is there, what serves and what failed. It knows
// neither devices nor requests.
package repository

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Loaded is a model version that was loaded. Retire says that the repository refers to it no more; users that hold
// references of their own may go on.
type Loaded interface{ Retire() }

// Source is what a loader loads.
type Source struct {
	Model   string
	Version int64
	// Path is the model file and Folder the folder that its external data may lie in.
	Path, Folder string
	Config       *Config // never nil
}

// Loader makes a version runnable. It returns only once the version has run.
type Loader[T Loaded] func(source Source) (T, error)

// Reasons why a lookup fails.
var (
	ErrNoModel   = errors.New("unknown model")
	ErrNoVersion = errors.New("unknown version")
	ErrNotReady  = errors.New("not ready")
)

// Repository is safe for concurrent use; lookups take no lock.
type Repository[T Loaded] struct {
	root    string
	load    Loader[T]
	current atomic.Pointer[snapshot[T]]

	mutex    sync.Mutex // one change at a time
	unloaded map[string]bool
	closed   bool
}

// snapshot is immutable.
type snapshot[T Loaded] struct{ models map[string]*model[T] }

type model[T Loaded] struct {
	name     string
	versions []*version[T] // ascending
	latest   *version[T]   // the newest that serves; nil where none does
	err      error         // of the model as a whole: a bad config, say
}

type version[T Loaded] struct {
	number      int64
	fingerprint string // of the files that loaded was made of
	serving     bool
	loaded      T
	err         error // of the last attempt to load
}

// State of a version in the index, as Triton spells it.
const (
	Ready       = "READY"
	Unavailable = "UNAVAILABLE"
)

// IndexEntry describes one version, or a model without any (Version 0).
type IndexEntry struct {
	Name    string
	Version int64
	State   string
	// Reason says why the version does not serve, or why its files were not taken up by the last reload.
	Reason string
}

// New returns an empty repository over a folder. Nothing is read before Rescan.
func New[T Loaded](root string, load Loader[T]) *Repository[T] {
	r := &Repository[T]{root: root, load: load, unloaded: make(map[string]bool)}
	r.current.Store(&snapshot[T]{models: map[string]*model[T]{}})
	return r
}

// Lookup returns a version that serves; number 0 means the latest. The caller takes its own reference, and looks again where
// the version was freed meanwhile. It allocates nothing.
func (r *Repository[T]) Lookup(name []byte, number int64) (loaded T, err error) {
	m := r.current.Load().models[string(name)]
	if m == nil {
		return loaded, ErrNoModel
	}
	if number == 0 {
		if m.latest == nil {
			return loaded, ErrNotReady
		}
		return m.latest.loaded, nil
	}
	for _, v := range m.versions {
		if v.number == number {
			if !v.serving {
				return loaded, ErrNotReady
			}
			return v.loaded, nil
		}
	}
	return loaded, ErrNoVersion
}

// Serving returns the versions that serve: of one model where the name is not empty, else of all, by name and number.
func (r *Repository[T]) Serving(name string) []T {
	var list []T
	s := r.current.Load()
	for _, key := range slices.Sorted(maps.Keys(s.models)) {
		if name != "" && key != name {
			continue
		}
		for _, v := range s.models[key].versions {
			if v.serving {
				list = append(list, v.loaded)
			}
		}
	}
	return list
}

// Index lists every version in the folder, by name and number.
func (r *Repository[T]) Index() []IndexEntry {
	list := []IndexEntry{}
	s := r.current.Load()
	for _, name := range slices.Sorted(maps.Keys(s.models)) {
		m := s.models[name]
		for _, v := range m.versions {
			entry := IndexEntry{Name: name, Version: v.number, State: Unavailable}
			if v.serving {
				entry.State = Ready
			}
			if v.err != nil {
				entry.Reason = v.err.Error()
			} else if !v.serving {
				entry.Reason = "unloaded"
			}
			list = append(list, entry)
		}
		if len(m.versions) == 0 {
			entry := IndexEntry{Name: name, State: Unavailable, Reason: "no versions"}
			if m.err != nil {
				entry.Reason = m.err.Error()
			}
			list = append(list, entry)
		}
	}
	return list
}

// Rescan reads the folder and takes up what is new or changed; what is gone retires. A version that cannot be loaded keeps
// its predecessor serving. The error joins what failed.
func (r *Repository[T]) Rescan() error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.closed {
		return ErrNotReady
	}
	names, err := scan(r.root)
	if err != nil {
		return err
	}
	known := r.current.Load().models
	for name := range known {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var failures []error
	for _, name := range names {
		if err := r.refresh(name); err != nil && !errors.Is(err, ErrNoModel) {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// Load reads one model's folder and takes up what is new or changed, also after Unload.
func (r *Repository[T]) Load(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.closed {
		return ErrNotReady
	}
	delete(r.unloaded, name)
	return r.refresh(name)
}

// Unload retires all versions of a model, until Load.
func (r *Repository[T]) Unload(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	m := r.current.Load().models[name]
	if m == nil {
		return fmt.Errorf("%w %q", ErrNoModel, name)
	}
	r.unloaded[name] = true
	next := &model[T]{name: name}
	for _, v := range m.versions {
		next.versions = append(next.versions, &version[T]{number: v.number})
	}
	r.replace(name, next)
	return nil
}

// Close retires everything; nothing is loaded any more.
func (r *Repository[T]) Close() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.closed = true
	for _, name := range slices.Sorted(maps.Keys(r.current.Load().models)) {
		r.replace(name, nil)
	}
}

// refresh brings one model up to date with its files.
func (r *Repository[T]) refresh(name string) error {
	old := r.current.Load().models[name]
	found, err := inspect(r.root, name)
	switch {
	case errors.Is(err, ErrNoModel):
		delete(r.unloaded, name)
		if old != nil {
			r.replace(name, nil)
		}
		return err
	case err != nil:
		return r.fail(name, old, err)
	}
	next := &model[T]{name: name}
	var failures []error
	for _, f := range found.versions {
		v := r.take(name, f, found.config, versionOf(old, f.number), r.unloaded[name] || !f.wanted)
		if v.err != nil {
			failures = append(failures, fmt.Errorf("model %q version %d: %w", name, f.number, v.err))
		}
		next.versions = append(next.versions, v)
	}
	keepPredecessor(old, next)
	r.replace(name, next)
	return errors.Join(failures...)
}

// keepPredecessor leaves the old latest version serving where its successor could not be loaded.
func keepPredecessor[T Loaded](old, next *model[T]) {
	if old == nil || old.latest == nil || !slices.ContainsFunc(next.versions, func(v *version[T]) bool { return v.err != nil && !v.serving }) {
		return
	}
	for i, v := range next.versions {
		if v.number == old.latest.number && !v.serving && v.err == nil {
			kept := *old.latest
			kept.err = nil
			next.versions[i] = &kept
		}
	}
}

// fail records a failure of the model as a whole; what serves goes on.
func (r *Repository[T]) fail(name string, old *model[T], err error) error {
	err = fmt.Errorf("model %q: %w", name, err)
	next := &model[T]{name: name, err: err}
	if old != nil {
		for _, v := range old.versions {
			copied := *v
			copied.err = err
			next.versions = append(next.versions, &copied)
		}
	}
	r.replace(name, next)
	return err
}

// take returns the version to serve for what was found: the old one where nothing changed or the new one fails to load.
func (r *Repository[T]) take(name string, found foundVersion, config *Config, old *version[T], unwanted bool) *version[T] {
	if unwanted {
		return &version[T]{number: found.number}
	}
	if old != nil && old.serving && old.fingerprint == found.fingerprint {
		unchanged := *old
		unchanged.err = nil
		return &unchanged
	}
	next := &version[T]{number: found.number, fingerprint: found.fingerprint}
	next.loaded, next.err = r.load(Source{Model: name, Version: found.number, Path: found.path, Folder: found.folder, Config: config})
	if next.err == nil {
		next.serving = true
		return next
	}
	if old != nil && old.serving {
		kept := *old
		kept.err = fmt.Errorf("the reload failed, the former files go on serving: %w", next.err)
		return &kept
	}
	return next
}

// replace publishes a new state of one model (nil: gone) and retires what is no longer in it.
func (r *Repository[T]) replace(name string, next *model[T]) {
	before := r.current.Load()
	after := &snapshot[T]{models: maps.Clone(before.models)}
	kept := make(map[any]bool)
	if next == nil {
		delete(after.models, name)
	} else {
		next.latest = nil
		for _, v := range next.versions {
			if v.serving {
				next.latest = v
				kept[any(v.loaded)] = true
			}
		}
		after.models[name] = next
	}
	r.current.Store(after)
	if old := before.models[name]; old != nil {
		for _, v := range old.versions {
			if v.serving && !kept[any(v.loaded)] {
				v.loaded.Retire()
			}
		}
	}
}

func versionOf[T Loaded](m *model[T], number int64) *version[T] {
	if m == nil {
		return nil
	}
	for _, v := range m.versions {
		if v.number == number {
			return v
		}
	}
	return nil
}

// CheckName refuses names that could not be those of a model folder.
func CheckName(name string) error {
	switch {
	case name == "" || len(name) > 255:
		return fmt.Errorf("model name of %d bytes, want 1 to 255", len(name))
	case strings.HasPrefix(name, "."):
		return fmt.Errorf("model name %q begins with a dot", name)
	case strings.ToValidUTF8(name, "") != name:
		return fmt.Errorf("model name %q is not UTF-8", name)
	case strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 || c == '/' || c == '\\' }):
		return fmt.Errorf("model name %q holds a slash or a control character", name)
	}
	return nil
}
