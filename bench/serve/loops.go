package main

import (
	"context"
	"errors"
	"sync"
	"time"
)

// outcome is what a load saw: latencies of answers with status 200, and how many others there were.
type outcome struct {
	latencies []time.Duration
	statuses  map[int]int
	elapsed   time.Duration
}

// closedLoop lets connections post the request, each the next one a think time after its answer, until the context ends or each has had its
// number of requests (0: no bound).
func closedLoop(ctx context.Context, address string, request []byte, connections, each int, think time.Duration) (outcome, error) {
	began := time.Now()
	outcomes, failures := make([]outcome, connections), make([]error, connections)
	var group sync.WaitGroup
	for i := range connections {
		outcomes[i].statuses = map[int]int{}
		group.Go(func() { failures[i] = outcomes[i].loop(ctx, address, request, each, think) })
	}
	group.Wait()
	all := outcome{statuses: map[int]int{}, elapsed: time.Since(began)}
	for _, o := range outcomes {
		all.latencies = append(all.latencies, o.latencies...)
		for status, count := range o.statuses {
			all.statuses[status] += count
		}
	}
	return all, errors.Join(failures...)
}

func (o *outcome) loop(ctx context.Context, address string, request []byte, each int, think time.Duration) error {
	c, err := dial(address)
	if err != nil {
		return err
	}
	defer c.close()
	for n := 0; ctx.Err() == nil && (each == 0 || n < each); n++ {
		began := time.Now()
		if err := o.one(c, request, began); err != nil {
			return err
		}
		if think > 0 {
			time.Sleep(think)
		}
	}
	return nil
}

// one makes a request whose latency counts from the given time.
func (o *outcome) one(c *client, request []byte, since time.Time) error {
	r, err := c.send(request, false)
	if err != nil {
		return err
	}
	o.statuses[r.status]++
	if r.status == 200 {
		o.latencies = append(o.latencies, time.Since(since))
	}
	return nil
}
