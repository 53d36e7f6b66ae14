/**
 * Keeps a store in a sandbox open: where a Worker ends because a promise was broken, says so in one line and opens the
 * store again, later and later if it keeps failing. Only the store that it was is taken back.
 */

import { BackendError, type OpenOptions } from "../contract.ts";
import { messageOf } from "../message_of.ts";
import { type OpenLink, openLink, type SandboxedStore } from "./opening.ts";
import type { Opened } from "./protocol.ts";
import type { WorkerLink } from "./worker_link.ts";

const REOPEN_MS_MIN = 500;
const REOPEN_MS_MAX = 30_000;
/** A Worker that lived so long was well: the next failure is a first one. */
const WELL_AFTER_MS = 60_000;
/**
 * Workers that may be given up in a loop that nothing ends. Deno cannot stop such a thread (denoland/deno#35657), which goes
 * on to use up a processor, so after these the store stays closed.
 */
const STUCK_MAX = 3;

export interface SupervisorOptions {
  readonly store: SandboxedStore;
  readonly options: OpenOptions;
  readonly first: Opened;
  /** Told whenever the store is open again. */
  readonly reopened: (link: WorkerLink) => void;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #log: OpenOptions["log"];
  #link: WorkerLink | null = null;
  #opened: Opened;
  #openedMs = performance.now();
  #failures = 0;
  #stuck = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #opening: Promise<void> = Promise.resolve();
  #lastReason = "";
  #isClosed = false;
  #hasFailed = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#log = options.options.log;
    this.#opened = options.first;
  }

  /** What it says of itself; of the newest Worker. */
  get opened(): Opened {
    return this.#opened;
  }

  /** Whether it was open all the time since it was opened first. */
  get isFirst(): boolean {
    return !this.#hasFailed;
  }

  /** @throws {BackendError} `unavailable` while there is none */
  get link(): WorkerLink {
    if (this.#link !== null) return this.#link;
    const { name } = this.#options.store;
    const why = this.#stuck >= STUCK_MAX ? "was given up" : "is being opened again";
    throw new BackendError(
      "unavailable",
      this.#isClosed ? "the store is closed" : `the backend ${name} ${why}`,
    );
  }

  get isUp(): boolean {
    return this.#link !== null;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Takes the Worker that was just opened. */
  take({ link, opened }: OpenLink): void {
    this.#link = link;
    this.#opened = opened;
    this.#openedMs = performance.now();
  }

  /** A Worker has ended because of the promise that was broken. */
  failed(link: WorkerLink, reason: string): void {
    if (this.#isClosed || this.#link !== link) return;
    this.#link = null;
    this.#hasFailed = true;
    if (performance.now() - this.#openedMs > WELL_AFTER_MS) this.#failures = 0;
    if (link.isStuck) this.#stuck++;
    const { name } = this.#options.store;
    const broke = `the backend ${name} broke its contract: ${reason}`;
    if (this.#stuck >= STUCK_MAX) {
      return this.#log("error", `${broke}; it is in an endless loop once more: restart Rhino`);
    }
    const pauseMs = this.#plan();
    this.#log("error", broke, { opensAgainInMs: pauseMs });
  }

  /** Takes the Worker away, so that no call goes to it any more. */
  async close(): Promise<WorkerLink | null> {
    if (this.#isClosed) return null;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#opening;
    const link = this.#link;
    this.#link = null;
    return link;
  }

  #plan(): number {
    const pauseMs = Math.min(REOPEN_MS_MAX, REOPEN_MS_MIN * 2 ** Math.min(this.#failures++, 10));
    this.#timer = setTimeout(() => this.#opening = this.#reopen(), pauseMs);
    return pauseMs;
  }

  async #reopen(): Promise<void> {
    const { store, options, reopened } = this.#options;
    let link: WorkerLink | undefined;
    try {
      const open = await openLink(store, options, (reason) => {
        if (link !== undefined) this.failed(link, reason);
      });
      link = open.link;
      if (this.#isClosed) return link.end();
      if (open.opened.clusterId !== this.#opened.clusterId) {
        link.end();
        throw new BackendError(
          "unusable",
          "it opened another store than before (another cluster id)",
        );
      }
      this.take(open);
      this.#lastReason = "";
      this.#log("info", `the backend ${store.name} is open again`);
      reopened(link);
    } catch (error) {
      if (!this.#isClosed) {
        this.#notReopened(messageOf(error));
      }
    }
  }

  /** The same reason is told once. */
  #notReopened(reason: string): void {
    const level = reason === this.#lastReason ? "debug" : "error";
    this.#lastReason = reason;
    const opensAgainInMs = this.#plan();
    this.#log(level, `the backend ${this.#options.store.name} cannot be opened again: ${reason}`, {
      opensAgainInMs,
    });
  }
}
