/** `rhino_*` and `process_*`: what etcd has no name for, and the process. */

import project from "../../deno.json" with { type: "json" };
import { AlarmType } from "../../gen/etcdserverpb/maintenance_pb.ts";
import type { Family } from "./family.ts";
import { counter, gauge, histogram } from "./plain_families.ts";
import { one, type Scrape } from "./sources.ts";

export function rhinoFamilies(scrape: Scrape): Family[] {
  const { store, compactor, hub, membership, recorders } = scrape;
  const { statements, commits, compactions } = recorders;
  return [
    {
      name: "rhino_build_info",
      help: "1, with Rhino's version and Deno's.",
      type: "gauge",
      labels: ["deno", "version"],
      read: () => one(1, { deno: Deno.version.deno, version: project.version }),
    },
    {
      name: "rhino_sql_seconds",
      help: "Time that the store took, by statement; on SQLite by call.",
      type: "histogram",
      labels: ["statement"],
      read: () =>
        [...statements.byName].map(([statement, tally]) => ({ labels: { statement }, tally })),
    },
    histogram("rhino_commit_requests", {
      help: "Requests that shared one commit.",
      read: () => commits.requests,
    }),
    counter("rhino_commit_conflicts_total", {
      help: "Commits that were computed anew because another server was first.",
      read: () => commits.racesLost,
    }),
    gauge("rhino_compaction_lag_revisions", {
      help: "Revisions between the last compaction and what has been trimmed.",
      read: () => compactor.lag,
    }),
    counter("rhino_trim_failures_total", {
      help: "Steps of trimming that failed, to be tried again.",
      read: () => compactions.failures,
    }),
    gauge("rhino_watch_lag_revisions", {
      help: "Revisions that the slowest watcher has not been given yet.",
      read: () => hub.backlog().max,
    }),
    gauge("rhino_members", {
      help: "Servers that have the store open.",
      read: () => membership.size,
    }),
    {
      name: "rhino_alarms",
      help: "Active alarms.",
      type: "gauge",
      labels: ["alarm"],
      read: () =>
        ([AlarmType.NOSPACE, AlarmType.CORRUPT] as const).flatMap((alarm) =>
          one(store.alarms.list(alarm).length, { alarm: AlarmType[alarm] })
        ),
    },
  ];
}

/** Names that all who export to Prometheus share. */
export function processFamilies({ facts }: Scrape): Family[] {
  const NEEDS = "only where Deno was given all permissions (`-A`): else it may not read `/proc`";
  return [
    counter("process_cpu_seconds_total", {
      help: "Total user and system CPU time spent in seconds.",
      read: () => facts().process.cpuSeconds,
    }),
    gauge("process_resident_memory_bytes", {
      help: "Resident memory size in bytes.",
      read: () => facts().process.residentBytes,
    }),
    gauge("process_start_time_seconds", {
      help: "Start time of the process since unix epoch in seconds.",
      read: () => facts().process.startSeconds,
    }),
    gauge("process_open_fds", {
      help: "Number of open file descriptors.",
      note: NEEDS,
      read: () => facts().process.system?.openFds,
    }),
    gauge("process_max_fds", {
      help: "Maximum number of open file descriptors.",
      note: NEEDS,
      read: () => facts().process.system?.maxFds,
    }),
    gauge("process_virtual_memory_bytes", {
      help: "Virtual memory size in bytes.",
      note: NEEDS,
      read: () => facts().process.system?.virtualBytes,
    }),
    gauge("process_virtual_memory_max_bytes", {
      help: "Maximum amount of virtual memory available in bytes.",
      note: NEEDS,
      read: () => facts().process.system?.virtualBytesMax,
    }),
    gauge("os_fd_used", {
      help: "The number of used file descriptors.",
      note: NEEDS,
      read: () => facts().process.system?.openFds,
    }),
    gauge("os_fd_limit", {
      help: "The file descriptor limit.",
      note: NEEDS,
      read: () => facts().process.system?.maxFds,
    }),
    gauge("rhino_heap_bytes", {
      help: "JavaScript's heap.",
      read: () => facts().process.heapBytes,
    }),
    gauge("rhino_heap_used_bytes", {
      help: "What of JavaScript's heap is in use.",
      read: () => facts().process.heapUsedBytes,
    }),
    gauge("rhino_external_memory_bytes", {
      help: "Memory that JavaScript's objects hold outside of its heap: buffers, most of all.",
      read: () => facts().process.externalBytes,
    }),
  ];
}
