/**
 * Hashes of passwords: bcrypt, as etcd stores them. They are made and compared on threads of their own, started when
 * first needed, so that a log-in holds up nobody else.
 */

import { PASSWORD_QUEUE_MAX, PASSWORD_TASK_MS_MAX, PASSWORD_THREADS_MAX } from "../limits.ts";
import { EtcdError, GRPC, StatusError } from "../errors.ts";
import type { Log } from "../log.ts";

export interface Passwords extends AsyncDisposable {
  /** @throws {StatusError} as etcd's, if the password is longer than bcrypt looks at */
  hash(password: string): Promise<Uint8Array>;
  /** False also for what is no hash. Of a long password the first bytes count, as in etcd. */
  matches(password: string, hash: Uint8Array): Promise<boolean>;
}

export interface PasswordsOptions {
  /** The logarithm of how long a hash takes. */
  readonly cost: number;
  readonly log: Log;
  /** Default: Workers that know bcrypt. */
  readonly startThread?: () => PasswordThread;
  /** Longest time for one hash. */
  readonly taskMsMax?: number;
}

/** What a thread is asked: to make a hash, or to compare with one. */
export type PasswordTask =
  | { readonly password: string; readonly cost: number }
  | { readonly password: string; readonly hash: string };

export type PasswordAnswer = { readonly result: string | boolean } | { readonly error: string };

/** The part of a Worker that is used. */
export interface PasswordThread {
  onmessage: ((event: MessageEvent<PasswordAnswer>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(task: PasswordTask): void;
  terminate(): void;
}

/** bcrypt looks at no more. */
const PASSWORD_BYTES_MAX = 72;

/** A task whose thread died is given to another one, but not for ever: it may be what kills them. */
const TRIES_MAX = 2;

interface Job extends PromiseWithResolvers<string | boolean> {
  readonly task: PasswordTask;
  tries: number;
}

export function createPasswords(options: PasswordsOptions): Passwords {
  const pool = new ThreadPool(options);
  return {
    async hash(password) {
      const bytes = new TextEncoder().encode(password);
      if (bytes.length > PASSWORD_BYTES_MAX) {
        throw new StatusError(GRPC.UNKNOWN, "bcrypt: password length exceeds 72 bytes");
      }
      const hash = await pool.run({ password, cost: options.cost });
      return new TextEncoder().encode(String(hash));
    },
    async matches(password, hash) {
      const text = new TextDecoder().decode(hash);
      return isHash(text) && await pool.run({ password, hash: text }) === true;
    },
    [Symbol.asyncDispose]: () => pool.close(),
  };
}

/** Looked at here, as bcryptjs throws at some texts that are no hashes. */
function isHash(text: string): boolean {
  return /^\$2[aby]\$(?:0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}$/.test(text);
}

/** Gives each job to a thread that rests. */
class ThreadPool {
  readonly #options: PasswordsOptions;
  readonly #resting: PasswordThread[] = [];
  readonly #busy = new Map<PasswordThread, { job: Job; timer: ReturnType<typeof setTimeout> }>();
  readonly #queue: Job[] = [];
  #isClosed = false;

  constructor(options: PasswordsOptions) {
    this.#options = options;
  }

  run(task: PasswordTask): Promise<string | boolean> {
    if (this.#isClosed) return Promise.reject(new EtcdError("stopped"));
    if (this.#queue.length >= PASSWORD_QUEUE_MAX) {
      return Promise.reject(new EtcdError("tooManyRequests"));
    }
    const job: Job = { task, tries: 0, ...Promise.withResolvers<string | boolean>() };
    this.#queue.push(job);
    this.#startNext();
    return job.promise;
  }

  close(): Promise<void> {
    this.#isClosed = true;
    for (const job of this.#queue.splice(0)) job.reject(new EtcdError("stopped"));
    for (const [thread, { job }] of [...this.#busy]) {
      this.#end(thread);
      job.reject(new EtcdError("stopped"));
    }
    for (const thread of this.#resting.splice(0)) thread.terminate();
    return Promise.resolve();
  }

  #startNext(): void {
    while (this.#queue.length > 0 && this.#busy.size < PASSWORD_THREADS_MAX) {
      const thread = this.#resting.pop() ?? this.#startThread();
      const job = this.#queue.shift();
      if (job === undefined) return;
      job.tries++;
      const timer = setTimeout(() => {
        this.#end(thread);
        job.reject(new EtcdError("timeout"));
        this.#startNext();
      }, this.#options.taskMsMax ?? PASSWORD_TASK_MS_MAX);
      this.#busy.set(thread, { job, timer });
      thread.postMessage(job.task);
    }
  }

  #startThread(): PasswordThread {
    const thread = (this.#options.startThread ?? startWorker)();
    thread.onmessage = ({ data }) => {
      const busy = this.#release(thread);
      if (busy === undefined) return;
      this.#resting.push(thread);
      if ("error" in data) busy.reject(new Error(`Cannot hash a password: ${data.error}`));
      else busy.resolve(data.result);
      this.#startNext();
    };
    thread.onerror = (event) => {
      // Else it would end the server.
      event.preventDefault();
      this.#died(thread, event.message);
    };
    return thread;
  }

  #died(thread: PasswordThread, reason: string): void {
    const place = this.#resting.indexOf(thread);
    if (place >= 0) this.#resting.splice(place, 1);
    const job = this.#end(thread);
    if (this.#isClosed) return;
    this.#options.log("warn", "A thread for passwords died", { reason });
    if (job === undefined) return;
    if (job.tries < TRIES_MAX) this.#queue.unshift(job);
    else job.reject(new Error(`Cannot hash a password: the thread died: ${reason}`));
    this.#startNext();
  }

  /** Ends the thread and answers what it was about. */
  #end(thread: PasswordThread): Job | undefined {
    thread.terminate();
    return this.#release(thread);
  }

  #release(thread: PasswordThread): Job | undefined {
    const busy = this.#busy.get(thread);
    if (busy === undefined) return undefined;
    clearTimeout(busy.timer);
    this.#busy.delete(thread);
    return busy.job;
  }
}

function startWorker(): PasswordThread {
  const url = new URL("./bcrypt_worker.ts", import.meta.url);
  return new Worker(url, { type: "module", name: "rhino-bcrypt" });
}
