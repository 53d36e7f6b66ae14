package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// stride spreads reads over the keys; a prime, so that all keys get their turn.
const stride = 7919

// op does the operation with the given number.
type op func(ctx context.Context, number int) error

// opMaker makes the op of one worker; workers run at the same time, each on one connection.
type opMaker func(worker int) op

// prepare finds out what a workload needs to know and returns how to do its operations.
func prepare(ctx context.Context, s settings, clients []*clientv3.Client) (opMaker, error) {
	var make func(client *clientv3.Client, worker int) op
	switch s.workload {
	case "create":
		make = s.creates
	case "update":
		revisions, err := learnRevisions(ctx, s, clients[0])
		if err != nil {
			return nil, err
		}
		make = s.updates(revisions)
	case "put":
		make = s.puts
	case "get":
		make = s.gets
	case "list":
		make = s.lists
	case "pages":
		make = s.pagedLists
	default:
		return nil, fmt.Errorf("there is no such workload")
	}
	return func(worker int) op { return make(clients[worker%len(clients)], worker) }, nil
}

func (s settings) creates(client *clientv3.Client, _ int) op {
	value := s.value()
	return func(ctx context.Context, number int) error {
		return create(ctx, client, s.key(number), value)
	}
}

// updates replaces keys on condition of their revision. Each worker has keys of its own, every
// s.clients-th, so that no update fails because another came first.
func (s settings) updates(revisions []int64) func(*clientv3.Client, int) op {
	value := s.value()
	return func(client *clientv3.Client, worker int) op {
		next := worker
		return func(ctx context.Context, _ int) error {
			number := next
			if next += s.clients; next >= s.keys {
				next = worker
			}
			key := s.key(number)
			resp, err := client.Txn(ctx).
				If(clientv3.Compare(clientv3.ModRevision(key), "=", revisions[number])).
				Then(clientv3.OpPut(key, value)).
				Else(clientv3.OpGet(key)).
				Commit()
			if err != nil {
				return err
			}
			if !resp.Succeeded {
				return fmt.Errorf("%s is not at revision %d", key, revisions[number])
			}
			revisions[number] = resp.Header.Revision
			return nil
		}
	}
}

// learnRevisions gives the mod revision of each key by its number.
func learnRevisions(ctx context.Context, s settings, client *clientv3.Client) ([]int64, error) {
	revisions := make([]int64, s.keys)
	known := 0
	err := scan(ctx, client, s, func(resp *clientv3.GetResponse) {
		for _, kv := range resp.Kvs {
			number, err := strconv.Atoi(strings.TrimPrefix(string(kv.Key), s.prefix+"item-"))
			if err == nil && number < s.keys {
				revisions[number] = kv.ModRevision
				known++
			}
		}
	})
	if err == nil && known < s.keys {
		return nil, fmt.Errorf("%d keys expected, %d found; create them first", s.keys, known)
	}
	return revisions, err
}

func (s settings) puts(client *clientv3.Client, _ int) op {
	value := s.value()
	return func(ctx context.Context, number int) error {
		_, err := client.Put(ctx, s.key(number%s.keys), value)
		return err
	}
}

func (s settings) gets(client *clientv3.Client, _ int) op {
	return func(ctx context.Context, number int) error {
		resp, err := client.Get(ctx, s.key(number*stride%s.keys))
		if err != nil {
			return err
		}
		return expectCount(len(resp.Kvs), 1)
	}
}

func (s settings) lists(client *clientv3.Client, _ int) op {
	return func(ctx context.Context, _ int) error {
		resp, err := client.Get(ctx, s.prefix, clientv3.WithPrefix())
		if err != nil {
			return err
		}
		return expectCount(len(resp.Kvs), s.keys)
	}
}

// pagedLists reads all keys page by page; one operation is one whole list.
func (s settings) pagedLists(client *clientv3.Client, _ int) op {
	return func(ctx context.Context, _ int) error {
		count := 0
		err := scan(ctx, client, s, func(resp *clientv3.GetResponse) { count += len(resp.Kvs) })
		if err != nil {
			return err
		}
		return expectCount(count, s.keys)
	}
}

func expectCount(found, expected int) error {
	if found != expected {
		return fmt.Errorf("%d keys expected, %d found", expected, found)
	}
	return nil
}
