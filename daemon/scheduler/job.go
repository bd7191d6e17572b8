package scheduler

import (
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/scheduler/batch"
	"github.com/inferd/inferd/daemon/scheduler/staging"
	"github.com/inferd/inferd/kernels/cpu/memory"
)

const (
	// smallBytes is the memory that a job keeps for itself; requests that fit into it do not touch the staging pool.
	smallBytes = 16 << 10
	// alignment of every tensor in staging.
	alignment = memory.Alignment
)

// The states of a job.
const (
	queued    = iota // in the ring or in a queue
	claimed          // part of a run
	done             // Err, Outputs and the times are set
	abandoned        // its handler is gone: who finds it releases it
)

// Tensor is a tensor in C memory.
type Tensor struct {
	Address unsafe.Pointer
	Bytes   int64
	Shape   []int64
}

// notice is a message to a lane, delivered by whoever owns it.
type notice interface{ deliver(l *lane) }

// Owner gets a job back that was abandoned and that nothing reads any more.
type Owner interface{ ReleaseJob() }

// Job is one request on its way through a lane. It is made by NewJob and used again after Reset.
type Job struct {
	Model *Model
	// Inputs are in the order of the model's inputs. The caller sets them, with addresses from Allocate.
	Inputs []Tensor
	// Deadline is when nobody wants the answer any more, by the scheduler's clock; 0 is never.
	Deadline int64
	// Priority orders the queue; lower numbers run first.
	Priority uint32

	// Outputs are set where Err is nil.
	Outputs []Tensor
	Err     error
	// Arrived, Started and Finished are times by the scheduler's clock: handed in, taken into a run, answered.
	Arrived, Started, Finished int64
	// BatchRows is the number of rows of the batch that the job was part of.
	BatchRows int

	owner  Owner
	state  atomic.Uint32
	wake   chan struct{} // one slot: the lane's answer to a handler that waits
	timer  *time.Timer
	item   batch.Item[Job]
	notice notice // set where this is a message to the lane and no request

	pool   *staging.Pool
	small  *memory.Block
	used   int64 // of small
	large  []*staging.Buffer
	kept   []program.Releaser
	shared *keptBlocks
	key    []int64
	dims   []int64 // backs shapes of outputs
}

// NewJob returns an empty job with memory of its own, which is freed once the garbage collector finds the job unused.
func NewJob(pool *staging.Pool, owner Owner) (*Job, error) {
	small, err := memory.Allocate(smallBytes)
	if err != nil {
		return nil, err
	}
	j := &Job{pool: pool, owner: owner, small: small, wake: make(chan struct{}, 1)}
	runtime.AddCleanup(j, func(block *memory.Block) { block.Free() }, small)
	return j, nil
}

// Reset releases the job's staging and prepares it for the next use. Nothing may read its tensors any more.
func (j *Job) Reset() {
	for i, b := range j.large {
		b.Release()
		j.large[i] = nil
	}
	for i, k := range j.kept {
		k.Release()
		j.kept[i] = nil
	}
	if j.shared != nil {
		j.shared.release()
		j.shared = nil
	}
	clear(j.Inputs)
	clear(j.Outputs)
	j.large, j.kept, j.Inputs, j.Outputs = j.large[:0], j.kept[:0], j.Inputs[:0], j.Outputs[:0]
	j.used, j.dims, j.key = 0, j.dims[:0], j.key[:0]
	j.Model, j.Err, j.Deadline, j.Priority = nil, nil, 0, 0
	j.Arrived, j.Started, j.Finished, j.BatchRows = 0, 0, 0, 0
	j.state.Store(queued)
}

// Allocate returns aligned memory with unspecified content that lives until Reset.
func (j *Job) Allocate(size int64) (unsafe.Pointer, error) {
	if size >= 0 && size <= smallBytes-j.used {
		p := unsafe.Add(j.small.Pointer(), j.used)
		j.used += min(align(max(size, 1)), smallBytes-j.used)
		return p, nil
	}
	b, err := j.pool.Get(size)
	if err != nil {
		return nil, err
	}
	j.large = append(j.large, b)
	return b.Pointer(), nil
}

// align rounds up to the alignment of tensors.
func align(size int64) int64 { return (size + alignment - 1) &^ (alignment - 1) }

// prepare fills the batcher's view of the job.
func (j *Job) prepare() {
	j.key = j.key[:0]
	for i := range j.Inputs {
		shape := j.Inputs[i].Shape
		if j.Model.batchable {
			shape = shape[1:]
		}
		j.key = append(append(j.key, int64(len(shape))), shape...)
	}
	rows := 1
	if j.Model.batchable {
		rows = int(j.Inputs[0].Shape[0])
	}
	j.item = batch.Item[Job]{
		Value: j, Rows: rows, Key: j.key, Hash: hashKey(j.key), Arrived: j.Arrived, Deadline: j.Deadline, Priority: j.Priority,
	}
}

// hashKey mixes the dimensions; equal keys are compared in full wherever the hash is used.
func hashKey(key []int64) uint64 {
	hash := uint64(0x9e3779b97f4a7c15)
	for _, v := range key {
		hash = (hash ^ uint64(v)) * 0xff51afd7ed558ccd
		hash ^= hash >> 32
	}
	return hash
}

// claim takes the job into a run; false means that it was abandoned.
func (j *Job) claim() bool { return j.state.CompareAndSwap(queued, claimed) }

// abandon gives the job up. False means that it was answered meanwhile and stays with the caller.
func (j *Job) abandon() bool {
	for {
		state := j.state.Load()
		if state == done {
			<-j.wake // sent, or just about to be
			return false
		}
		if j.state.CompareAndSwap(state, abandoned) {
			return true
		}
	}
}

// wait blocks until the job is answered. It returns why the job was abandoned instead, or nil.
func (j *Job) wait(cancel <-chan struct{}, clock func() int64) error {
	if cancel == nil && j.Deadline == 0 {
		<-j.wake
		return nil
	}
	var expired <-chan time.Time
	if j.Deadline != 0 {
		left := time.Duration(j.Deadline - clock())
		if j.timer == nil {
			j.timer = time.NewTimer(left)
		} else {
			j.timer.Reset(left)
		}
		defer j.timer.Stop()
		expired = j.timer.C
	}
	reason := ErrCancelled
	select {
	case <-j.wake:
		return nil
	case <-cancel:
	case <-expired:
		reason = ErrTimeout
	}
	if j.abandon() {
		return reason
	}
	return nil
}

// keptBlocks are blocks that several jobs of one batch refer to.
type keptBlocks struct {
	users  atomic.Int64
	blocks []program.Releaser
}

func (k *keptBlocks) release() {
	if k.users.Add(-1) > 0 {
		return
	}
	for _, block := range k.blocks {
		block.Release()
	}
}
