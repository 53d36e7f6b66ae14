package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// processStat is what /proc tells of a process's parent and CPU time.
type processStat struct {
	parent int
	cpu    time.Duration
	// Of the children that have ended and were waited for.
	endedChildren time.Duration
}

// familyCPUTime is the CPU time of a process and its children, dead ones too: PostgreSQL has one for each connection.
// It is nil where the system does not tell.
func familyCPUTime(pid int) *time.Duration {
	entries, err := os.ReadDir("/proc")
	own := readStat(pid)
	if err != nil || own == nil {
		return nil
	}
	used := own.cpu + own.endedChildren
	for _, entry := range entries {
		child, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		// One that has ended since then is missed, or counted with the next look at its parent.
		if stat := readStat(child); stat != nil && stat.parent == pid {
			used += stat.cpu + stat.endedChildren
		}
	}
	return &used
}

func readStat(pid int) *processStat {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	// The second field is the command in parentheses and may hold anything; the rest are words.
	_, rest, _ := cutLast(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 15 {
		return nil
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return nil
	}
	var ticks [4]int64
	for i := range ticks {
		if ticks[i], err = strconv.ParseInt(fields[11+i], 10, 64); err != nil {
			return nil
		}
	}
	return &processStat{
		parent:        parent,
		cpu:           time.Duration(ticks[0]+ticks[1]) * tick,
		endedChildren: time.Duration(ticks[2]+ticks[3]) * tick,
	}
}
