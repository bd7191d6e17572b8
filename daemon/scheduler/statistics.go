package scheduler

import (
	"slices"
	"sync/atomic"
)

// maxBatchCount is the number of batch sizes that are counted apart; larger ones count as the last.
const maxBatchCount = 129

// counters of one model. Lanes and handlers add to them.
type counters struct {
	succeeded, failed, refused, expired, cancelled atomic.Int64
	executions, rows                               atomic.Int64
	queueNS, computeNS, succeededNS                atomic.Int64
	compilations, compileNS                        atomic.Int64
}

type batchCounter struct{ executions, computeNS atomic.Int64 }

// Statistics are a model's counters since it was loaded. Times are in nanoseconds.
type Statistics struct {
	// Succeeded and Failed count requests that ran; Refused those for which no credit was left or that could not have met
	// their deadline; Expired and Cancelled those that were given up.
	Succeeded, Failed, Refused, Expired, Cancelled int64
	// Executions counts runs and Rows the rows in them.
	Executions, Rows int64
	// QueueNS, ComputeNS and SucceededNS sum over successful requests: waiting, in a run, and both.
	QueueNS, ComputeNS, SucceededNS int64
	Compilations, CompileNS         int64
	InFlight                        int64
	Programs                        int
	Batches                         []BatchStatistics
}

// BatchStatistics counts the runs of one batch size.
type BatchStatistics struct{ Rows, Executions, ComputeNS int64 }

// Statistics returns the model's counters.
func (m *Model) Statistics() Statistics {
	c := &m.counters
	s := Statistics{
		Succeeded: c.succeeded.Load(), Failed: c.failed.Load(), Refused: c.refused.Load(), Expired: c.expired.Load(),
		Cancelled: c.cancelled.Load(), Executions: c.executions.Load(), Rows: c.rows.Load(), QueueNS: c.queueNS.Load(),
		ComputeNS: c.computeNS.Load(), SucceededNS: c.succeededNS.Load(), Compilations: c.compilations.Load(),
		CompileNS: c.compileNS.Load(), InFlight: m.inFlight.Load(), Programs: m.Programs(),
	}
	for rows := range m.batchCounts {
		if n := m.batchCounts[rows].executions.Load(); n > 0 {
			s.Batches = append(s.Batches, BatchStatistics{int64(rows), n, m.batchCounts[rows].computeNS.Load()})
		}
	}
	return s
}

// Add adds another device's counters.
func (s *Statistics) Add(other Statistics) {
	for _, pair := range [...]struct {
		to   *int64
		from int64
	}{
		{&s.Succeeded, other.Succeeded}, {&s.Failed, other.Failed}, {&s.Refused, other.Refused}, {&s.Expired, other.Expired},
		{&s.Cancelled, other.Cancelled}, {&s.Executions, other.Executions}, {&s.Rows, other.Rows}, {&s.QueueNS, other.QueueNS},
		{&s.ComputeNS, other.ComputeNS}, {&s.SucceededNS, other.SucceededNS}, {&s.Compilations, other.Compilations},
		{&s.CompileNS, other.CompileNS}, {&s.InFlight, other.InFlight},
	} {
		*pair.to += pair.from
	}
	s.Programs += other.Programs
	for _, b := range other.Batches {
		at := slices.IndexFunc(s.Batches, func(mine BatchStatistics) bool { return mine.Rows == b.Rows })
		if at < 0 {
			s.Batches = append(s.Batches, b)
			continue
		}
		s.Batches[at].Executions += b.Executions
		s.Batches[at].ComputeNS += b.ComputeNS
	}
}

// LaneStatistics are the counters of one lane.
type LaneStatistics struct {
	// Crossings counts pushes into the ring; Driven the times that a handler ran the lane in place of its goroutine;
	// HandedOver the times that it passed work on to the goroutine.
	Crossings, Driven, HandedOver int64
	// Queued is the present length of the ring.
	Queued int
}

// Lanes returns the counters of every lane.
func (s *Scheduler) Lanes() []LaneStatistics {
	list := make([]LaneStatistics, len(s.lanes))
	for i, l := range s.lanes {
		list[i] = LaneStatistics{
			Crossings: int64(l.ring.Pushes()), Driven: l.driven.Load(), HandedOver: l.handedOver.Load(), Queued: l.ring.Len(),
		}
	}
	return list
}
