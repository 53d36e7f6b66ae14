//go:build tools

// Package kine pins the kine that the benchmark measures. Nothing here is built as such: the
// import only keeps the command in go.mod, for bench/tools.ts.
package kine

import _ "github.com/k3s-io/kine"
