package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

var errKeyExists = errors.New("the key exists already")

// dial opens the connections. They live as long as the process.
func dial(s settings) ([]*clientv3.Client, error) {
	clients := make([]*clientv3.Client, s.conns)
	for i := range clients {
		client, err := clientv3.New(clientv3.Config{
			Endpoints:          []string{s.endpoint},
			DialTimeout:        5 * time.Second,
			MaxCallRecvMsgSize: math.MaxInt32, // A list of all keys comes in one message.
		})
		if err != nil {
			return nil, err
		}
		clients[i] = client
	}
	return clients, nil
}

func (s settings) key(i int) string {
	return fmt.Sprintf("%sitem-%07d", s.prefix, i)
}

func (s settings) value() string {
	return strings.Repeat("x", s.size)
}

// create puts a key that must not be there yet.
func create(ctx context.Context, client *clientv3.Client, key, value string) error {
	resp, err := client.Txn(ctx).
		If(clientv3.Compare(clientv3.ModRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, value)).
		Commit()
	if err == nil && !resp.Succeeded {
		return errKeyExists
	}
	return err
}

// scan reads all keys under the prefix page by page, at one revision, from the key `start` on.
func scan(ctx context.Context, client *clientv3.Client, s settings, visit func(*clientv3.GetResponse)) error {
	start, revision := s.prefix, int64(0)
	for {
		resp, err := client.Get(ctx, start,
			clientv3.WithRange(clientv3.GetPrefixRangeEnd(s.prefix)),
			clientv3.WithLimit(int64(s.page)),
			clientv3.WithRev(revision))
		if err != nil {
			return err
		}
		visit(resp)
		if !resp.More {
			return nil
		}
		if revision == 0 {
			revision = resp.Header.Revision
		}
		start = string(resp.Kvs[len(resp.Kvs)-1].Key) + "\x00"
	}
}
