/** What `rhino status` shows: text made of two scrapes of a server. Pure. */

import { type Exposition, quantile } from "./exposition.ts";
import { bytes, count, duration } from "./quantities.ts";

export interface Scrape {
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly metrics: Exposition;
  /** Names and URLs of the members, if the server tells them without a password. */
  readonly members: readonly MemberLine[];
}

export interface MemberLine {
  readonly id: string;
  readonly name: string;
  readonly clientUrls: readonly string[];
}

/** Calls that are shown, as `etcd_server_request_duration_seconds` names them. */
const CALLS = ["Range", "Put", "DeleteRange", "Txn", "LeaseGrant", "LeaseRevoke"] as const;
const LABEL_WIDTH = 13;

/** Lines for the terminal, over the time between the two. */
export function statusText(before: Scrape, after: Scrape, place: string): string {
  const view = new View(before, after);
  return [
    view.title(place),
    "",
    line("revision", view.revision()),
    line("compacted", view.compaction()),
    line("size", view.size()),
    "",
    ...view.calls(),
    "",
    line("watchers", view.watchers()),
    line("leases", view.leases()),
    line("process", view.process()),
    line("alarms", view.alarms()),
    ...view.members(),
    "",
  ].join("\n");
}

function line(label: string, text: string): string {
  return `${label.padEnd(LABEL_WIDTH)}${text}`;
}

class View {
  readonly #before: Scrape;
  readonly #after: Scrape;
  readonly #seconds: number;

  constructor(before: Scrape, after: Scrape) {
    this.#before = before;
    this.#after = after;
    this.#seconds = Math.max(1e-3, (after.atMs - before.atMs) / 1_000);
  }

  title(place: string): string {
    const { metrics, atMs } = this.#after;
    const version = metrics.label("rhino_build_info", "version");
    const etcd = metrics.label("etcd_server_version", "server_version") ?? "?";
    const started = metrics.sum("process_start_time_seconds");
    const up = started === undefined ? "" : `, up ${duration(atMs / 1_000 - started)}`;
    const what = version === undefined ? `etcd ${etcd}` : `Rhino ${version} as etcd ${etcd}`;
    const well = this.#value("etcd_server_has_leader") === 1 ? "" : "  THE STORE DOES NOT ANSWER";
    return `${what} at ${place}${up}${well}`;
  }

  revision(): string {
    const name = "etcd_debugging_mvcc_current_revision";
    const conflicts = this.#rate("rhino_commit_conflicts_total");
    const commits = this.#rate("etcd_disk_backend_commit_duration_seconds_count");
    const lost = conflicts > 0 ? `, ${count(conflicts)}/s lost races` : "";
    return `${count(this.#value(name))}, ${count(this.#rate(name))}/s in ${
      count(commits)
    } commits/s${lost}`;
  }

  compaction(): string {
    const at = this.#value("etcd_debugging_mvcc_compact_revision");
    const behind = this.#value("etcd_debugging_mvcc_current_revision") - Math.max(0, at);
    const lag = this.#value("rhino_compaction_lag_revisions");
    const trimming = lag > 0 ? `, ${count(lag)} of them to be trimmed yet` : ", all trimmed";
    return at <= 0
      ? `never; ${count(behind)} revisions kept`
      : `up to ${count(at)}${trimming}; ${count(behind)} revisions kept`;
  }

  size(): string {
    const quota = this.#value("etcd_server_quota_backend_bytes");
    const defragments = this.#value("etcd_disk_defrag_inflight") > 0 ? "; DEFRAGMENTING" : "";
    const of = Number.isFinite(quota) && quota > 0 ? ` of ${bytes(quota)}` : "";
    const used = bytes(this.#value("etcd_mvcc_db_total_size_in_use_in_bytes"));
    const total = bytes(this.#value("etcd_mvcc_db_total_size_in_bytes"));
    const keys = count(this.#value("etcd_debugging_mvcc_keys_total"));
    return `${keys} keys, ${total}${of}, ${used} in use${defragments}`;
  }

  calls(): string[] {
    const header = line(
      "calls",
      `${"per s".padStart(9)}${"p50".padStart(10)}${"p99".padStart(10)}`,
    );
    const rows = CALLS.map((type) =>
      this.#row(type, "etcd_server_request_duration_seconds", { type })
    );
    const commit = this.#row("a commit", "etcd_disk_backend_commit_duration_seconds", {});
    const failed = this.#rate("etcd_server_request_duration_seconds_count", { success: "false" });
    return [header, ...rows, commit, ...(failed > 0 ? [line("failed", `${count(failed)}/s`)] : [])];
  }

  #row(label: string, name: string, labels: Record<string, string>): string {
    const [before, after] = [this.#before.metrics, this.#after.metrics];
    const [p50, p99] = [0.5, 0.99].map((share) => quantile(share, { before, after, name, labels }));
    const rate = count(this.#rate(`${name}_count`, labels));
    const cells = [rate.padStart(9), ...[p50, p99].map((one) => milliseconds(one).padStart(10))];
    return line(`  ${label}`, cells.join(""));
  }

  watchers(): string {
    const slow = this.#value("etcd_debugging_mvcc_slow_watcher_total");
    const behind = slow > 0
      ? `, ${count(slow)} behind by up to ${
        count(this.#value("rhino_watch_lag_revisions"))
      } revisions`
      : ", none behind";
    const watchers = count(this.#value("etcd_debugging_mvcc_watcher_total"));
    const streams = count(this.#value("etcd_debugging_mvcc_watch_stream_total"));
    const events = count(this.#rate("etcd_debugging_mvcc_events_total"));
    return `${watchers} in ${streams} streams${behind}; ${events} events/s`;
  }

  leases(): string {
    const [granted, renewed, expired] = [
      "etcd_debugging_lease_granted_total",
      "etcd_debugging_lease_renewed_total",
      "etcd_debugging_server_lease_expired_total",
    ].map((name) => count(this.#rate(name)));
    return `${granted} granted/s, ${renewed} renewed/s, ${expired} expired/s`;
  }

  process(): string {
    const cpu = Math.round(100 * this.#rate("process_cpu_seconds_total"));
    const memory = bytes(this.#value("process_resident_memory_bytes"));
    const waiting = count(this.#value("etcd_server_proposals_pending"));
    return `${cpu} % of a core, ${memory} of memory, ${waiting} writes waiting`;
  }

  alarms(): string {
    const active = this.#after.metrics.all("rhino_alarms").filter(({ value }) => value > 0);
    return active.length === 0 ? "none" : active.map(({ labels }) => labels["alarm"]).join(", ");
  }

  members(): string[] {
    const { members, metrics } = this.#after;
    const own = metrics.label("etcd_server_id", "server_id");
    if (members.length === 0) return [line("members", count(this.#value("rhino_members")))];
    return members.map(({ id, name, clientUrls }, at) => {
      const self = id === own ? "  (this one)" : "";
      return line(at === 0 ? "members" : "", `${id}  ${name}  ${clientUrls.join(",")}${self}`);
    });
  }

  #value(name: string): number {
    return this.#after.metrics.sum(name) ?? 0;
  }

  /** A second; never negative, for a server may have been started anew in between. */
  #rate(name: string, labels: Record<string, string> = {}): number {
    const after = this.#after.metrics.sum(name, labels) ?? 0;
    return Math.max(0, (after - (this.#before.metrics.sum(name, labels) ?? 0)) / this.#seconds);
  }
}

function milliseconds(seconds: number | undefined): string {
  if (seconds === undefined) return "-";
  const ms = seconds * 1_000;
  return ms < 10 ? `${ms.toFixed(2)} ms` : `${Math.round(ms).toLocaleString("en-US")} ms`;
}
