//go:build cuda

package cublas

import (
	"errors"
	"time"

	"github.com/inferd/inferd/cgo/cuda"
)

// timer measures on a stream of its own.
type timer struct {
	stream     *cuda.Stream
	begin, end *cuda.Event
}

func newTimer(device *cuda.Device) (*timer, error) {
	t := new(timer)
	var err error
	if t.stream, err = device.NewStream(0); err != nil {
		return nil, err
	}
	if t.begin, err = device.NewEvent(true); err == nil {
		t.end, err = device.NewEvent(true)
	}
	if err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

// time returns how long work takes that runs for the second time: the first time loads its kernels. It is captured, because that is how it will run, and
// because the gaps between launches from here would hide how long small products take.
func (t *timer) time(fill func(q *cuda.Sequence) error) (took time.Duration, err error) {
	q := t.stream.NewSequence()
	defer func() { err = errors.Join(err, q.Close()) }()
	if err := fill(q); err != nil {
		return 0, err
	}
	if err := t.run(q); err != nil {
		return 0, err
	}
	if err := q.Capture(); err != nil {
		return 0, err
	}
	q.RecordBegin(t.begin)
	if err := t.run(q); err != nil {
		return 0, err
	}
	return t.end.Since(t.begin)
}

func (t *timer) run(q *cuda.Sequence) error {
	if err := q.Submit(t.end); err != nil {
		return err
	}
	return t.end.Wait(0)
}

func (t *timer) close() error {
	if t == nil {
		return nil
	}
	var failures []error
	for _, e := range []*cuda.Event{t.begin, t.end} {
		if e != nil {
			failures = append(failures, e.Close())
		}
	}
	return errors.Join(append(failures, t.stream.Close())...)
}
