package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// The latency of every so many-th watcher is recorded: all would cost the machine more than they tell.
const latencySample = 10

// watchPause is between the last watcher's creation and the first write: kine says that a watcher is created some time
// before it watches, and what is written in between may be lost to it.
const watchPause = time.Second

// fanOut is the workload in which every watcher sees every key that the writers create.
type fanOut struct {
	settings
	pool []*clientv3.Client
	// When the key with that number was sent, in Unix nanoseconds.
	sentAt []atomic.Int64
	events atomic.Int64
}

// runFanOut measures from the first write until the last watcher has seen the last event. The
// operations of the result are delivered events; its latencies are from sending to seeing.
func runFanOut(ctx context.Context, s settings, clients []*clientv3.Client) (result, error) {
	s.prefix += "watched/"
	f := &fanOut{settings: s, pool: clients, sentAt: make([]atomic.Int64, s.total)}
	ctx, cancel := context.WithTimeout(ctx, s.maxTime)
	defer cancel()
	created := make(chan struct{}, s.watchers)
	perWatcher := make([][]time.Duration, s.watchers)
	watched := make(chan struct{})
	go func() {
		inParallel(s.watchers, func(watcher int) {
			perWatcher[watcher] = f.watch(ctx, watcher, created)
		})
		close(watched)
	}()
	for range s.watchers {
		select {
		case <-created:
		case <-ctx.Done():
			return result{}, errors.New("the watchers were not created in time")
		}
	}

	time.Sleep(watchPause)

	var failed failures
	m := startMeasuring(s)
	f.write(ctx, m, &failed)
	<-watched
	if missing := int64(s.total*s.watchers) - f.events.Load(); missing > 0 {
		failed.add(fmt.Errorf("%d events were not delivered", missing))
	}
	res := m.finish(s.workload, perWatcher, &failed)
	res.count(f.events.Load())
	return res, nil
}

func (f *fanOut) write(ctx context.Context, m measuring, failed *failures) {
	left := permits{total: f.total, until: m.start.Add(f.maxTime)}
	value := f.value()
	inParallel(f.clients, func(worker int) {
		client := f.pool[worker%len(f.pool)]
		work(ctx, &left, func(ctx context.Context, number int) error {
			f.sentAt[number].Store(time.Now().UnixNano())
			return create(ctx, client, f.key(number), value)
		}, failed)
	})
}

// watch sees all events, or as many as come in time, and returns the latencies if it is to sample them.
func (f *fanOut) watch(ctx context.Context, watcher int, created chan<- struct{}) []time.Duration {
	client := f.pool[watcher%len(f.pool)]
	responses := client.Watch(ctx, f.prefix, clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	var latencies []time.Duration
	seen := 0
	for resp := range responses {
		if resp.Created {
			created <- struct{}{}
		}
		now := time.Now().UnixNano()
		for _, event := range resp.Events {
			if watcher%latencySample == 0 {
				number, _ := strconv.Atoi(strings.TrimPrefix(string(event.Kv.Key), f.prefix+"item-"))
				latencies = append(latencies, time.Duration(now-f.sentAt[number].Load()))
			}
		}
		seen += len(resp.Events)
		f.events.Add(int64(len(resp.Events)))
		if seen >= f.total {
			break
		}
	}
	return latencies
}
