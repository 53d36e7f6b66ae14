//go:build e2e

// Package suite pins etcd's own tests. Nothing here is built as such: the import only keeps their packages in go.mod,
// for test_binary.ts.
package suite

import _ "go.etcd.io/etcd/tests/v3/common"
