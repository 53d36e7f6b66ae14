package main

import (
	"context"
	"net"
	"time"
)

// dialPause is how often a server that is being started is tried.
const dialPause = 2 * time.Millisecond

// waitReady waits until a server that was just started has answered a read. The one latency of the
// result is from s.sinceMs to that answer; without s.sinceMs from now.
func waitReady(ctx context.Context, s settings) (result, error) {
	m := startMeasuring(s)
	if s.sinceMs > 0 {
		m.start = time.UnixMilli(s.sinceMs)
	}
	if err := waitListening(ctx, s.endpoint); err != nil {
		return result{}, err
	}
	s.conns = 1
	clients, err := dial(s)
	if err != nil {
		return result{}, err
	}
	if _, err := clients[0].Get(ctx, s.prefix); err != nil {
		return result{}, err
	}
	return m.finish(s.workload, [][]time.Duration{{time.Since(m.start)}}, &failures{}), nil
}

// waitListening comes first because a gRPC client that was refused waits a second to try again.
func waitListening(ctx context.Context, endpoint string) error {
	for {
		conn, err := net.DialTimeout("tcp", endpoint, time.Second)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(dialPause):
		}
	}
}
