//go:build tools

// Package oracle pins the etcd that the service tests are checked against. Nothing here is built
// as such: the imports only keep the three commands in go.mod, for tests/support/oracle.ts.
package oracle

import (
	_ "go.etcd.io/etcd/etcdctl/v3"
	_ "go.etcd.io/etcd/etcdutl/v3"
	_ "go.etcd.io/etcd/server/v3"
)
