package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// result is what one run found out. CPU and memory are null if they are not known.
type result struct {
	Workload     string   `json:"workload"`
	OK           int64    `json:"ok"`
	Errors       int64    `json:"errors"`
	FirstError   string   `json:"firstError,omitempty"`
	Seconds      float64  `json:"seconds"`
	PerSecond    float64  `json:"perSecond"`
	P50Ms        float64  `json:"p50Ms"`
	P99Ms        float64  `json:"p99Ms"`
	CPUUsPerOp   *float64 `json:"cpuUsPerOp"`
	DBCPUUsPerOp *float64 `json:"dbCpuUsPerOp"`
	RSSMB        *float64 `json:"rssMb"`
	PeakRSSMB    *float64 `json:"peakRssMb"`

	cpuTime   *time.Duration
	dbCPUTime *time.Duration
}

// measuring is a run that has begun.
type measuring struct {
	settings
	start    time.Time
	before   usage
	dbBefore *time.Duration
}

func startMeasuring(s settings) measuring {
	dbBefore := familyCPUTime(s.dbPid)
	before := readUsage(s.pid)
	return measuring{settings: s, before: before, dbBefore: dbBefore, start: time.Now()}
}

// finish ends the measurement; every latency is one operation that went well.
func (m measuring) finish(workload string, latencies [][]time.Duration, failed *failures) result {
	elapsed := time.Since(m.start)
	after := readUsage(m.pid)
	all := slices.Concat(latencies...)
	slices.Sort(all)
	res := result{
		Workload:   workload,
		Errors:     failed.count.Load(),
		FirstError: failed.firstText(),
		Seconds:    elapsed.Seconds(),
		P50Ms:      milliseconds(quantile(all, 0.5)),
		P99Ms:      milliseconds(quantile(all, 0.99)),
		RSSMB:      after.rssMB,
		PeakRSSMB:  after.peakRSSMB,
		cpuTime:    difference(after.cpu, m.before.cpu),
		dbCPUTime:  difference(familyCPUTime(m.dbPid), m.dbBefore),
	}
	res.count(int64(len(all)))
	return res
}

// count sets how many operations there were, and with it what is told per operation.
func (r *result) count(operations int64) {
	r.OK = operations
	r.PerSecond = float64(operations) / r.Seconds
	r.CPUUsPerOp = perOperation(r.cpuTime, operations)
	r.DBCPUUsPerOp = perOperation(r.dbCPUTime, operations)
}

func perOperation(used *time.Duration, operations int64) *float64 {
	if used == nil || operations == 0 {
		return nil
	}
	microseconds := float64(used.Microseconds()) / float64(operations)
	return &microseconds
}

func (r result) line(asJSON bool) string {
	if asJSON {
		text, err := json.Marshal(r)
		if err != nil {
			panic(err) // Only of a value that JSON cannot hold, and there is none.
		}
		return string(text)
	}
	return fmt.Sprintf("%s: %.1f/s p50=%.2fms p99=%.2fms cpu=%sµs/op db=%sµs/op rss=%sMB ok=%d errors=%d %s",
		r.Workload, r.PerSecond, r.P50Ms, r.P99Ms, known(r.CPUUsPerOp), known(r.DBCPUUsPerOp), known(r.RSSMB), r.OK, r.Errors, r.FirstError)
}

func known(number *float64) string {
	if number == nil {
		return "?"
	}
	return fmt.Sprintf("%.1f", *number)
}

func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(float64(len(sorted)-1)*q)]
}

func milliseconds(d time.Duration) float64 {
	return float64(d) / float64(time.Millisecond)
}
