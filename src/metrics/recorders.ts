/** What the parts of the server tell while they work, as plain numbers until somebody asks. */

import type { OpenOptions } from "../../backends/contract.ts";
import type { CompactionObserver } from "../compaction/compactor.ts";
import type { CommitObserver } from "../mvcc/committer.ts";
import { exponentialBounds, Tally } from "./tally.ts";

/** etcd's for most durations in seconds: a millisecond to 8 s. */
export const SECONDS = exponentialBounds({ start: 0.001, factor: 2, count: 14 });
const SQL_SECONDS = exponentialBounds({ start: 0.0001, factor: 4, count: 9 });
const REQUESTS = exponentialBounds({ start: 1, factor: 2, count: 10 });
const PAUSE_MS = exponentialBounds({ start: 1, factor: 2, count: 13 });
const COMPACTION_MS = exponentialBounds({ start: 100, factor: 2, count: 14 });
const TTL_SECONDS = exponentialBounds({ start: 1, factor: 2, count: 24 });

/** Names that backends give statements; a backend from elsewhere might make them up without end. */
const STATEMENTS_MAX = 100;
const OTHER_STATEMENT = "other";
/** What a backend calls the sync of a commit, where it makes it itself. */
const SYNC_STATEMENT = "sync";

/** How the store takes statements. */
export class StatementTimes {
  readonly byName = new Map<string, Tally>();
  /** Syncs alone, by etcd's bounds. */
  readonly syncs = new Tally(SECONDS);

  readonly onStatement: NonNullable<OpenOptions["onStatement"]> = (name, ms) => {
    (this.byName.get(name) ?? this.#add(name)).observe(ms / 1_000);
    if (name === SYNC_STATEMENT) this.syncs.observe(ms / 1_000);
  };

  #add(name: string): Tally {
    const isKept = this.byName.size < STATEMENTS_MAX;
    const kept = isKept ? name : OTHER_STATEMENT;
    const tally = this.byName.get(kept) ?? new Tally(SQL_SECONDS);
    this.byName.set(kept, tally);
    return tally;
  }
}

export class CommitTimes implements CommitObserver {
  readonly seconds = new Tally(SECONDS);
  readonly requests = new Tally(REQUESTS);
  racesLost = 0;
  bytes = 0;

  appended({ ms, requests, bytes }: Parameters<CommitObserver["appended"]>[0]): void {
    this.seconds.observe(ms / 1_000);
    this.requests.observe(requests);
    this.bytes += bytes;
  }

  raceLost(): void {
    this.racesLost++;
  }
}

export class CompactionTimes implements CompactionObserver {
  readonly pauseMs = new Tally(PAUSE_MS);
  readonly totalMs = new Tally(COMPACTION_MS);
  removed = 0;
  failures = 0;

  stepped({ ms, removed }: Parameters<CompactionObserver["stepped"]>[0]): void {
    this.pauseMs.observe(ms);
    this.removed += removed;
  }

  stepFailed(): void {
    this.failures++;
  }

  finished(ms: number): void {
    this.totalMs.observe(ms);
  }
}

/** What came of one check of an endpoint for probes. */
export interface HealthCheck {
  readonly type: "health" | "livez" | "readyz";
  /** Of a fixed list; empty for `health`, which is one. */
  readonly name: string;
  readonly isOk: boolean;
}

/** Answers of /health, /livez and /readyz; told by who serves them. */
export class HealthCounts {
  successes = 0;
  failures = 0;
  readonly checks = new Map<string, { last: HealthCheck; successes: number; failures: number }>();

  readonly observe = (check: HealthCheck): void => {
    if (check.type !== "health") return this.#count(check);
    if (check.isOk) this.successes++;
    else this.failures++;
  };

  #count(check: HealthCheck): void {
    const id = `${check.type}/${check.name}`;
    const counts = this.checks.get(id) ?? { last: check, successes: 0, failures: 0 };
    counts.last = check;
    if (check.isOk) counts.successes++;
    else counts.failures++;
    this.checks.set(id, counts);
  }
}

/** All of them, made before the parts that tell them. */
export class Recorders {
  readonly statements = new StatementTimes();
  readonly commits = new CommitTimes();
  readonly compactions = new CompactionTimes();
  readonly leaseTtls = new Tally(TTL_SECONDS);
  readonly health = new HealthCounts();
}
