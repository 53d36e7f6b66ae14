/** `grpc_server_*` and what follows from the same counts. Every method has its series from the start. */

import { type CallCounts, CODE_NAMES, type MethodCounts } from "./call_counts.ts";
import type { Family, Labels, Sample, TallySample } from "./family.ts";
import { counter, gauge, histogram } from "./plain_families.ts";
import { requestType } from "./request_types.ts";
import type { Tally } from "./tally.ts";

const TYPE_NAMES = { unary: "unary", bidi: "bidi_stream", "server-stream": "server_stream" };
const METHOD_LABELS = ["grpc_method", "grpc_service", "grpc_type"];

function labelsOf({ path, kind }: MethodCounts): Labels {
  const [, service = "", method = ""] = path.split("/");
  return { grpc_method: method, grpc_service: service, grpc_type: TYPE_NAMES[kind] };
}

function* ofEach(calls: CallCounts, value: (counts: MethodCounts) => number): Iterable<Sample> {
  for (const counts of calls) yield { labels: labelsOf(counts), value: value(counts) };
}

function* handled(calls: CallCounts): Iterable<Sample> {
  for (const counts of calls) {
    const labels = labelsOf(counts);
    for (const [code, name] of CODE_NAMES.entries()) {
      yield { labels: { grpc_code: name, ...labels }, value: counts.handled[code] ?? 0 };
    }
  }
}

function* handling(calls: CallCounts): Iterable<TallySample> {
  for (const counts of calls) {
    if (counts.handling !== null) yield { labels: labelsOf(counts), tally: counts.handling };
  }
}

export function grpcFamilies(
  calls: CallCounts,
  { isExtensive }: { isExtensive: boolean },
): Family[] {
  const families: Family[] = [
    {
      name: "grpc_server_handled_total",
      help: "Total number of RPCs completed on the server, regardless of success or failure.",
      type: "counter",
      labels: ["grpc_code", ...METHOD_LABELS],
      read: () => handled(calls),
    },
    {
      name: "grpc_server_msg_received_total",
      help: "Total number of RPC stream messages received on the server.",
      type: "counter",
      labels: METHOD_LABELS,
      read: () => ofEach(calls, ({ receivedCount }) => receivedCount),
    },
    {
      name: "grpc_server_msg_sent_total",
      help: "Total number of gRPC stream messages sent by the server.",
      type: "counter",
      labels: METHOD_LABELS,
      // As etcd, which counts an answer for each unary call, also where there is a status alone.
      read: () =>
        ofEach(calls, (counts) => counts.kind === "unary" ? counts.handledCount : counts.sentCount),
    },
    {
      name: "grpc_server_started_total",
      help: "Total number of RPCs started on the server.",
      type: "counter",
      labels: METHOD_LABELS,
      read: () => ofEach(calls, ({ startedCount }) => startedCount),
    },
  ];
  if (!isExtensive) return families;
  return [...families, {
    name: "grpc_server_handling_seconds",
    help:
      "Histogram of response latency (seconds) of gRPC that had been application-level handled by the server.",
    note: "with `--metrics=extensive`",
    type: "histogram",
    labels: METHOD_LABELS,
    read: () => handling(calls),
  }];
}

/** As etcd, a series comes with its first request. */
function* bySuccess(
  labels: Labels,
  { ok, failed }: { ok: Tally | null | undefined; failed: Tally | null | undefined },
): Iterable<TallySample> {
  if (ok && ok.count > 0) yield { labels: { success: "true", ...labels }, tally: ok };
  if (failed && failed.count > 0) yield { labels: { success: "false", ...labels }, tally: failed };
}

function* requestSeconds(calls: CallCounts): Iterable<TallySample> {
  for (const { path, succeeded, failed } of calls) {
    const type = requestType(path);
    if (type !== undefined) yield* bySuccess({ type }, { ok: succeeded, failed });
  }
}

/** Of calls that are work of their own: the successful ones. */
function ofMethod(calls: CallCounts, path: string): Tally | undefined {
  return calls.get(path)?.ownSucceeded ?? undefined;
}

/** What follows from the counts of calls. */
export function callFamilies(calls: CallCounts): Family[] {
  const maintenance = (method: string) => `/etcdserverpb.Maintenance/${method}`;
  const defragment = maintenance("Defragment");
  return [
    {
      name: "etcd_server_request_duration_seconds",
      help: "Response latency distribution in seconds for each type.",
      note:
        "a transaction that only reads counts as `Txn` too, and so do requests that are refused",
      type: "histogram",
      labels: ["type", "success"],
      read: () => requestSeconds(calls),
    },
    {
      name: "etcd_server_range_duration_seconds",
      help: "The latency distributions of txn.Range",
      note: "of the Range call",
      type: "histogram",
      labels: ["success"],
      read: () => {
        const range = calls.get("/etcdserverpb.KV/Range");
        return bySuccess({}, { ok: range?.ownSucceeded, failed: range?.ownFailed });
      },
    },
    histogram("etcd_mvcc_hash_duration_seconds", {
      help: "The latency distribution of storage hash operation.",
      read: () => ofMethod(calls, maintenance("Hash")),
    }),
    histogram("etcd_mvcc_hash_rev_duration_seconds", {
      help: "The latency distribution of storage hash by revision operation.",
      read: () => ofMethod(calls, maintenance("HashKV")),
    }),
    histogram("etcd_disk_backend_defrag_duration_seconds", {
      help: "The latency distribution of backend defragmentation.",
      read: () => ofMethod(calls, defragment),
    }),
    histogram("etcd_disk_backend_snapshot_duration_seconds", {
      help: "The latency distribution of backend snapshots.",
      read: () => ofMethod(calls, maintenance("Snapshot")),
    }),
    gauge("etcd_disk_defrag_inflight", {
      help: "Whether or not defrag is active on the member. 1 means active, 0 means not.",
      read: () => {
        const counts = calls.get(defragment);
        return counts !== undefined && counts.startedCount > counts.handledCount ? 1 : 0;
      },
    }),
    counter("etcd_network_client_grpc_received_bytes_total", {
      help: "The total number of bytes received from grpc clients.",
      note: "messages, as in etcd: without frames and headers",
      read: () => calls.sum(({ receivedBytes }) => receivedBytes),
    }),
    counter("etcd_network_client_grpc_sent_bytes_total", {
      help: "The total number of bytes sent to grpc clients.",
      note: "messages, as in etcd: without frames and headers",
      read: () => calls.sum(({ sentBytes }) => sentBytes),
    }),
    counter("etcd_server_slow_apply_total", {
      help: "The total number of slow apply requests (likely overloaded from slow disk).",
      note: "requests that took longer than `--warning-unary-request-duration`, logged or not",
      read: () => calls.sum(({ slow }) => slow),
    }),
  ];
}
