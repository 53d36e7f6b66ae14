package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU time in /proc on Linux, whatever the kernel's own.
const tick = 10 * time.Millisecond

// usage is what a process has used; nil where the system does not tell.
type usage struct {
	cpu       *time.Duration
	rssMB     *float64
	peakRSSMB *float64
}

func readUsage(pid int) usage {
	return usage{
		cpu:       cpuTime(pid),
		rssMB:     statusMB(pid, "VmRSS"),
		peakRSSMB: statusMB(pid, "VmHWM"),
	}
}

func difference(after, before *time.Duration) *time.Duration {
	if after == nil || before == nil {
		return nil
	}
	used := *after - *before
	return &used
}

// cpuTime is the user and system time of all threads, dead ones too.
func cpuTime(pid int) *time.Duration {
	stat := readStat(pid)
	if stat == nil {
		return nil
	}
	return &stat.cpu
}

// statusMB reads one of the sizes that /proc gives in units of 1024 bytes; an MB is 10^6 bytes.
func statusMB(pid int, name string) *float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == name+":" {
			kib, err := strconv.ParseFloat(fields[1], 64)
			if err != nil {
				return nil
			}
			mb := kib * 1024 / 1e6
			return &mb
		}
	}
	return nil
}

func cutLast(text, separator string) (before, after string, found bool) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(separator):], true
}
