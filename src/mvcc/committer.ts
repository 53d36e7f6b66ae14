/**
 * From a group of commands to one batch on disk: load → evaluate → append → publish → answer.
 *
 * On a store that several servers share the append may lose a race, or its answer may get lost. Then what happened
 * meanwhile is read and published first, what became of a lost batch is asked, and the commands are evaluated anew: nobody
 * is told of anything that is not on disk, and nothing is written twice. Tried again is as long as somebody waits.
 */
import { type Backend, BackendError, type Batch, type Head } from "../../backends/contract.ts";
import type { Turn } from "../../backends/contract.ts";
import { EtcdError } from "../errors.ts";
import { APPEND_PAUSE_MS_MAX, APPEND_PAUSE_MS_MIN, RACES_LOST_MAX } from "../limits.ts";
import { loadBase } from "./base_loader.ts";
import { Follower } from "./follower.ts";
import type { HotCache } from "./hot_cache.ts";
import { KvArena } from "./kv_arena.ts";
import { type Command, ReadSet } from "./read_set.ts";
import type { Commit, Restart } from "./types.ts";
import { BatchView } from "./view.ts";

/** A command and who waits for it. */
export interface Submitted {
  readonly sinceMs: number;
  readonly command: Command<unknown>;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** Nobody waits any more. */
  isAnswered: boolean;
}

/** A command's result, held back until its batch is on disk. */
type Answer = { readonly submitted: Submitted } & ({ result: unknown } | { error: unknown });

/** One evaluation of a group. */
interface Attempt {
  /** `null` if nothing changed. */
  readonly batch: Batch | null;
  readonly commit: Commit | null;
  readonly answers: readonly Answer[];
  /** What the batch has no rows for any more. */
  readonly rest: readonly Submitted[];
  /** Whether something was loaded, and so the head seen, after the commands had come. */
  readonly sawHead: boolean;
}

/** The batch would have more rows than the backend takes. */
class BatchFull extends Error {}

/** Is told how commits go; for metrics. */
export interface CommitObserver {
  /** A batch is on disk. */
  appended(facts: { readonly ms: number; readonly requests: number; readonly bytes: number }): void;
  /** Another server was first, and the commands are evaluated anew. */
  raceLost(): void;
}

export interface CommitterOptions {
  readonly backend: Backend;
  readonly hot: HotCache;
  readonly head: Head;
  /** Unique over all servers and restarts. */
  readonly batchId: () => string;
  /** Told of each commit after it is on disk, before anyone is answered. Must not throw. */
  readonly published: (commit: Commit) => void;
  /** Told when the store cannot be followed any more. Must not throw. */
  readonly restarted: (restart: Restart) => void;
  readonly pause: (ms: number) => Promise<void>;
  /** Milliseconds, for measuring and waiting only. */
  readonly now: () => number;
  readonly observe?: CommitObserver | undefined;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly log: (
    level: "warn" | "error" | "info",
    message: string,
    fields?: Record<string, unknown>,
  ) => void;
}

export class Committer {
  readonly #options: CommitterOptions;
  readonly #arena = new KvArena();
  readonly #follower: Follower;
  #head: Head;
  /** The store may stand elsewhere than here. */
  #isBehind = false;
  #isAway = false;

  constructor(options: CommitterOptions) {
    this.#options = options;
    this.#head = options.head;
    this.#follower = new Follower(options);
  }

  /** Takes in the records of the store as it was opened. */
  start(records: Commit["records"]): void {
    this.#follower.observe(records);
  }

  /** The head after the last commit that is known. */
  get head(): Head {
    return this.#head;
  }

  /** Whether there may be commits of other servers to publish. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** Notes that the store may have moved. */
  setBehind(): void {
    this.#isBehind = true;
  }

  /**
   * Commits a group, and answers those of it that had no room.
   *
   * @param collect gives the group: asked again before each attempt, so that what comes while a race is lost goes with it
   * @throws {BackendError} if the batch could not be written, and trying again makes no sense
   */
  async commit(collect: () => readonly Submitted[]): Promise<readonly Submitted[]> {
    const lost: Attempt[] = [];
    let racesLost = 0;
    for (let round = 0;; round++) { // Ends when all are answered: those who wait too long are, by the writer.
      if (collect().length === 0) return [];
      try {
        const rest = await this.#try(collect, { lost, inTurn: racesLost >= RACES_LOST_MAX });
        this.#isAway = false;
        return rest;
      } catch (error) {
        const isRaceLost = error instanceof BackendError && error.kind === "conflict";
        racesLost = isRaceLost ? racesLost + 1 : 0;
        if (isRaceLost) this.#options.observe?.raceLost();
        await this.#recover(error, { round, racesLost });
      }
    }
  }

  /** Reads and publishes what other servers appended. */
  async follow(): Promise<void> {
    // Before it reads: what it is told of meanwhile it may not have seen.
    this.#isBehind = false;
    try {
      await this.#follower.catchUp(this.#head, (head) => this.#head = head);
    } catch (error) {
      this.#isBehind = true;
      throw error;
    }
  }

  async #try(
    collect: () => readonly Submitted[],
    { lost, inTurn }: { lost: Attempt[]; inTurn: boolean },
  ): Promise<readonly Submitted[]> {
    const turn = inTurn ? await this.#takeTurn() : undefined;
    try {
      if (this.#isBehind) await this.follow();
      const found = await this.#findApplied(lost);
      if (found !== undefined) {
        answer(found.answers);
        return collect();
      }
      const attempt = await this.#evaluate(collect());
      if (attempt.batch !== null) await this.#append(attempt.batch, { attempt, turn, lost });
      else if (!attempt.sawHead) await this.#confirmHead();
      if (attempt.commit !== null) {
        this.#head = attempt.commit.head;
        this.#follower.observe(attempt.commit.records);
        this.#options.published(attempt.commit);
      }
      answer(attempt.answers);
      return attempt.rest;
    } finally {
      // Nothing is to be released once it has appended.
      await turn?.release().catch(() => {});
    }
  }

  async #takeTurn(): Promise<Turn | undefined> {
    const { backend } = this.#options;
    if (backend.turn === undefined) return undefined;
    const turn = await backend.turn();
    this.#isBehind = true;
    return turn;
  }

  async #evaluate(waiting: readonly Submitted[]): Promise<Attempt> {
    const { backend } = this.#options;
    const need = new ReadSet();
    for (const { command } of waiting) command.reads(need);
    const base = await loadBase(this.#options, need, this.#head);
    const view = new BatchView(base, this.#arena);
    const evaluated = evaluateAll(waiting, { view, rowsMax: backend.capabilities.batchRowsMax });
    if (!view.isChanged) return { ...evaluated, batch: null, commit: null, sawHead: base.sawHead };
    const changes = view.changes(this.#options.batchId());
    const { head, rows, leases, records } = changes;
    const commit = { head, rows, leases, records, isOwn: true };
    return { ...evaluated, batch: { base: this.#head, ...changes }, commit, sawHead: true };
  }

  /** Appends, and finds out what became of a batch whose answer was lost if nobody else can have written since. */
  async #append(
    batch: Batch,
    { attempt, turn, lost }: { attempt: Attempt; turn: Turn | undefined; lost: Attempt[] },
  ): Promise<void> {
    const { backend, log, now, observe } = this.#options;
    const startMs = now();
    try {
      await (turn ?? backend).append(batch);
      observe?.appended({
        ms: now() - startMs,
        requests: attempt.answers.length,
        bytes: batch.rows.reduce((sum, { kv }) => sum + kv.length, 0),
      });
    } catch (error) {
      if (!(error instanceof BackendError) || error.kind !== "indeterminate") throw error;
      log("warn", "The answer to a commit was lost: asking what became of it", {
        cause: error.message,
      });
      if (!backend.capabilities.exclusive) lost.push(attempt);
      else if (await backend.outcome(batch.head) === "applied") return;
      throw error;
    }
  }

  /**
   * The attempt that was applied although its answer was lost. What may still be under way is left in the list: if it comes
   * after all, the next attempt loses the race against it, and it is found then.
   */
  async #findApplied(lost: Attempt[]): Promise<Attempt | undefined> {
    for (let at = lost.length - 1; at >= 0; at--) {
      const attempt = lost[at];
      if (attempt === undefined || attempt.batch === null) continue;
      const outcome = await this.#options.backend.outcome(attempt.batch.head);
      if (outcome === "applied") return attempt;
      if (outcome === "not-applied") lost.splice(at, 1);
    }
    return undefined;
  }

  /** What changes nothing is as true as the head that it was evaluated on is new. */
  async #confirmHead(): Promise<void> {
    const { backend } = this.#options;
    if (backend.capabilities.exclusive) return;
    const { batchId } = await backend.head();
    if (batchId !== this.#head.batchId) {
      throw new BackendError("conflict", "another server has written meanwhile");
    }
  }

  async #recover(
    error: unknown,
    { round, racesLost }: { round: number; racesLost: number },
  ): Promise<void> {
    const { backend, pause, random } = this.#options;
    if (!(error instanceof BackendError) || backend.capabilities.exclusive) throw error;
    const { kind } = error;
    if (kind !== "conflict" && kind !== "unavailable" && kind !== "indeterminate") throw error;
    this.#isBehind = true;
    // Who has lost a race tries again at once, and soon in its turn.
    if (kind === "conflict" && racesLost <= RACES_LOST_MAX) return;
    if (kind !== "conflict") this.#noteAway(error);
    const longest = Math.min(APPEND_PAUSE_MS_MAX, APPEND_PAUSE_MS_MIN * 2 ** Math.min(round, 10));
    await pause(longest * (0.5 + random() / 2));
  }

  #noteAway(error: BackendError): void {
    if (this.#isAway) return;
    this.#isAway = true;
    this.#options.log("warn", "The store cannot be written: trying again while clients wait", {
      cause: error.message,
    });
  }
}

function answer(answers: readonly Answer[]): void {
  for (const one of answers) {
    one.submitted.isAnswered = true;
    if ("error" in one) one.submitted.reject(one.error);
    else one.submitted.resolve(one.result);
  }
}

function evaluateAll(
  waiting: readonly Submitted[],
  { view, rowsMax }: { view: BatchView; rowsMax: number },
): Pick<Attempt, "answers" | "rest"> {
  const answers: Answer[] = [];
  for (const [at, submitted] of waiting.entries()) {
    const rowsBefore = view.rowCount;
    try {
      const result = view.run((view) => {
        const result = submitted.command.apply(view);
        if (view.rowCount > rowsMax) throw new BatchFull();
        return result;
      });
      answers.push({ submitted, result });
      if (submitted.command.isBarrier) return { answers, rest: waiting.slice(at + 1) };
    } catch (error) {
      if (error instanceof BatchFull && rowsBefore > 0) return { answers, rest: waiting.slice(at) };
      const reason = error instanceof BatchFull ? new EtcdError("requestTooLarge") : error;
      answers.push({ submitted, error: reason });
    }
  }
  return { answers, rest: [] };
}
