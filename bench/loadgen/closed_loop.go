package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// failures counts errors and keeps the first.
type failures struct {
	count atomic.Int64
	first atomic.Pointer[string]
}

func (f *failures) add(err error) {
	f.count.Add(1)
	text := err.Error()
	f.first.CompareAndSwap(nil, &text)
}

func (f *failures) firstText() string {
	if text := f.first.Load(); text != nil {
		return *text
	}
	return ""
}

// permits hands out operation numbers until all are taken or the time is up.
type permits struct {
	next  atomic.Int64
	total int
	until time.Time
}

func (p *permits) take() (number int, ok bool) {
	number = int(p.next.Add(1)) - 1
	return number, number < p.total && time.Now().Before(p.until)
}

// runClosedLoop lets each of the clients do one operation after the other.
func runClosedLoop(ctx context.Context, s settings, newOp opMaker) result {
	var failed failures
	perWorker := make([][]time.Duration, s.clients)
	m := startMeasuring(s)
	left := permits{total: s.total, until: m.start.Add(s.maxTime)}
	inParallel(s.clients, func(worker int) {
		perWorker[worker] = work(ctx, &left, newOp(worker), &failed)
	})
	return m.finish(s.workload, perWorker, &failed)
}

// work does operations until there are no more and returns how long each took.
func work(ctx context.Context, left *permits, do op, failed *failures) []time.Duration {
	var latencies []time.Duration
	for {
		number, ok := left.take()
		if !ok {
			return latencies
		}
		began := time.Now()
		if err := do(ctx, number); err != nil {
			failed.add(err)
			continue
		}
		latencies = append(latencies, time.Since(began))
	}
}

func inParallel(workers int, do func(worker int)) {
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() { do(worker) })
	}
	all.Wait()
}
