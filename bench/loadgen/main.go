// Command loadgen drives one etcd v3 endpoint with one workload and prints one line: the rate, the
// latencies and, given the server's process id, its CPU time per operation and its memory; given the
// database's, the CPU time of that. It uses only requests that kine serves too (ASCII keys, create and
// update transactions in the shape that Kubernetes sends), so that every server is measured on the
// same work.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"
)

// settings is what the command line asks for.
type settings struct {
	endpoint string
	workload string
	prefix   string
	clients  int
	conns    int
	total    int
	keys     int
	size     int
	page     int
	watchers int
	pid      int
	dbPid    int
	sinceMs  int64
	startAt  int64
	maxTime  time.Duration
	json     bool
}

func parseSettings() settings {
	var s settings
	flag.StringVar(&s.endpoint, "endpoint", "127.0.0.1:2379", "HOST:PORT of the server")
	flag.StringVar(&s.workload, "workload", "create", "ready, create, update, put, get, list, pages or watch")
	flag.StringVar(&s.prefix, "prefix", "/registry/configmaps/default/", "what all keys begin with")
	flag.IntVar(&s.clients, "clients", 128, "requests in flight")
	flag.IntVar(&s.conns, "conns", 8, "gRPC connections")
	flag.IntVar(&s.total, "total", 10000, "operations")
	flag.IntVar(&s.keys, "keys", 10000, "keys under the prefix (update, put, get, list, pages)")
	flag.IntVar(&s.size, "size", 512, "bytes of a value")
	flag.IntVar(&s.page, "page", 500, "keys of a page (pages)")
	flag.IntVar(&s.watchers, "watchers", 100, "watchers of the prefix (watch)")
	flag.IntVar(&s.pid, "pid", 0, "the server's process id, for CPU and memory (Linux)")
	flag.IntVar(&s.dbPid, "db-pid", 0, "the database server's process id, for its CPU and its children's (Linux)")
	flag.Int64Var(&s.startAt, "start-at", 0, "when to send the first request, in Unix milliseconds; 0 is at once")
	flag.Int64Var(&s.sinceMs, "since", 0, "when the server was started, in Unix milliseconds (ready)")
	flag.DurationVar(&s.maxTime, "max-time", time.Minute, "begin no operation after this time")
	flag.BoolVar(&s.json, "json", false, "print the result as JSON")
	flag.Parse()
	return s
}

func (s settings) check() error {
	if min(s.clients, s.conns, s.total, s.keys, s.page, s.watchers) < 1 || s.size < 0 {
		return errors.New("numbers must be positive")
	}
	if s.workload == "update" && s.keys < s.clients {
		return fmt.Errorf("%d clients cannot share %d keys: each updates keys of its own", s.clients, s.keys)
	}
	return nil
}

func main() {
	s := parseSettings()
	res, err := run(s)
	if err != nil {
		fmt.Fprintf(os.Stderr, "Cannot run %s: %v\n", s.workload, err)
		os.Exit(1)
	}
	fmt.Println(res.line(s.json))
}

func run(s settings) (result, error) {
	if err := s.check(); err != nil {
		return result{}, err
	}
	// Longer than the load may take, so that only a server that hangs meets it.
	ctx, cancel := context.WithTimeout(context.Background(), s.maxTime+30*time.Second)
	defer cancel()
	if s.workload == "ready" {
		return waitReady(ctx, s)
	}
	clients, err := dial(s)
	if err != nil {
		return result{}, err
	}
	if s.workload == "watch" {
		return runFanOut(ctx, s, clients)
	}
	newOp, err := prepare(ctx, s, clients)
	if err != nil {
		return result{}, err
	}
	time.Sleep(time.Until(time.UnixMilli(s.startAt)))
	return runClosedLoop(ctx, s, newOp), nil
}
