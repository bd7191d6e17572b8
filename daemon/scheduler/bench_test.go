package scheduler

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// The way through a lane with a program that costs nothing: in place, and by waking the lane's goroutine for every job.
// The extra metrics are processor time per request, so that futex calls of the Go scheduler show.

func BenchmarkInPlace(b *testing.B)       { benchmarkDo(b, Options{}, 1, 0) }
func BenchmarkLaneGoroutine(b *testing.B) { benchmarkDo(b, Options{wakeAlways: true}, 1, 0) }

func BenchmarkConcurrent(b *testing.B) {
	for _, handlers := range []int{2, 16, 64} {
		for _, cost := range []time.Duration{0, 5 * time.Microsecond} {
			b.Run(fmt.Sprintf("in place/%d handlers/%v", handlers, cost), func(b *testing.B) { benchmarkDo(b, Options{}, handlers, cost) })
			b.Run(fmt.Sprintf("lane goroutine/%d handlers/%v", handlers, cost), func(b *testing.B) {
				benchmarkDo(b, Options{wakeAlways: true}, handlers, cost)
			})
		}
	}
}

func benchmarkDo(b *testing.B, options Options, handlers int, cost time.Duration) {
	s := newTestScheduler(b, options)
	m := newTestModel(b, s, &fakeCompiler{cost: cost}, ModelOptions{})
	defer m.Release()
	user, system := processorTime(b)
	b.SetParallelism(max(1, handlers/runtime.GOMAXPROCS(0)))
	work := func(next func() bool) {
		j := newTestJob(b, s.staging)
		shape := []int64{1, 16}
		for next() {
			p, err := j.Allocate(64)
			if err != nil {
				b.Error(err)
				return
			}
			j.Model = m
			j.Inputs = append(j.Inputs, Tensor{p, 64, shape})
			if err := s.Do(j.Job, nil); err != nil || j.Err != nil {
				b.Error(err, j.Err)
				return
			}
			if handlers > 1 {
				spinFor(2 * time.Microsecond) // a front end's own work
			}
			j.Reset()
		}
	}
	if handlers == 1 {
		work(b.Loop)
	} else {
		b.RunParallel(func(pb *testing.PB) { work(pb.Next) })
	}
	b.StopTimer()
	userEnd, systemEnd := processorTime(b)
	b.ReportMetric(float64(userEnd-user)/float64(b.N), "user-ns/op")
	b.ReportMetric(float64(systemEnd-system)/float64(b.N), "sys-ns/op")
	b.ReportMetric(float64(m.counters.rows.Load())/float64(m.counters.executions.Load()), "rows/run")
}

func processorTime(b *testing.B) (user, system int64) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return usage.Utime.Nano(), usage.Stime.Nano()
}
