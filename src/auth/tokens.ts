/**
 * Simple tokens: random names for a user that has shown the password. They are records of the store, so every server of it
 * knows them and they outlive a restart (etcd's do not). How long one lay idle each server measures by its own clock, since
 * it was told of the token or saw it used.
 */
import { Buffer } from "node:buffer";
import { messageOf } from "../errors.ts";
import {
  AUTH_TOKEN_CHECK_INTERVAL_MS,
  AUTH_TOKENS_ENDED_PER_CHECK,
  AUTH_TOKENS_MAX,
  AUTH_TOKENS_PER_USER_MAX,
} from "../limits.ts";
import type { Store } from "../mvcc/store.ts";
import type { BatchView } from "../mvcc/view.ts";

const TOKEN = "auth/token/";
const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LETTER_COUNT = 16;

interface Token {
  readonly user: string;
  /** How often it was told to the others that it is in use. */
  touches: number;
  /** When the record was seen last. */
  toldMs: number;
  /** When it was used here last; `-Infinity` for never. */
  usedMs: number;
  isTouching: boolean;
}

export interface TokensOptions {
  readonly store: Store;
  /** How long a token may lie idle. */
  readonly ttlMs: number;
  /** Milliseconds, for waiting only. */
  readonly now: () => number;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly log: (level: "warn", message: string, fields?: Record<string, unknown>) => void;
}

export class Tokens implements AsyncDisposable {
  readonly #options: TokensOptions;
  readonly #tokens = new Map<string, Token>();
  readonly #isShared: boolean;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #underWay = new Set<Promise<void>>();
  #isChecking = false;

  constructor(options: TokensOptions) {
    this.#options = options;
    this.#isShared = !options.store.backend.capabilities.exclusive;
    this.#timer = setInterval(() => this.#check(), AUTH_TOKEN_CHECK_INTERVAL_MS);
  }

  /** Takes in a record as stored: at the start, and with each commit. */
  applyRecord(name: string, value: Uint8Array | null): void {
    if (!name.startsWith(TOKEN)) return;
    const token = name.slice(TOKEN.length);
    if (value === null) {
      this.#tokens.delete(token);
      return;
    }
    const { user, touches } = readToken(value);
    const known = this.#tokens.get(token);
    const toldMs = this.#options.now();
    if (known === undefined) {
      this.#tokens.set(token, { user, touches, toldMs, usedMs: -Infinity, isTouching: false });
    } else {
      known.touches = touches;
      known.toldMs = toldMs;
    }
  }

  /** Whose the token is; to ask for it is to use it. */
  userOf(name: string): string | undefined {
    const token = this.#tokens.get(name);
    if (token === undefined) return undefined;
    token.usedMs = this.#options.now();
    const isDue = token.usedMs - token.toldMs >= this.#options.ttlMs / 2;
    if (this.#isShared && isDue && !token.isTouching) this.#touch(name, token);
    return token.user;
  }

  /** A new token's name, but for the index behind its dot. */
  draw(): string {
    let letters = "";
    while (letters.length < LETTER_COUNT) {
      for (const byte of this.#options.randomBytes(LETTER_COUNT)) {
        // Bytes beyond the last whole round of letters would favour the first of them.
        if (byte >= LETTERS.length * 4 || letters.length === LETTER_COUNT) continue;
        letters += LETTERS[byte % LETTERS.length];
      }
    }
    return letters;
  }

  /** Gives the user a token; where there are too many, those longest unused end. */
  assign(view: BatchView, user: string, letters: string): string {
    const own = this.#namesOf((token) => token.user === user);
    const ended = own.length >= AUTH_TOKENS_PER_USER_MAX
      ? this.#longestUnused(own, own.length - AUTH_TOKENS_PER_USER_MAX + 1)
      : this.#tokens.size >= AUTH_TOKENS_MAX
      ? this.#longestUnused([...this.#tokens.keys()], this.#tokens.size - AUTH_TOKENS_MAX + 1)
      : [];
    for (const name of ended) view.setRecord(TOKEN + name, null);
    const name = `${letters}.${view.index}`;
    view.setRecord(TOKEN + name, writeToken({ user, touches: 0 }));
    return name;
  }

  /** Ends the tokens of a user, or all. */
  end(view: BatchView, user?: string): void {
    const names = this.#namesOf((token) => user === undefined || token.user === user);
    for (const name of names) view.setRecord(TOKEN + name, null);
  }

  #namesOf(isMeant: (token: Token) => boolean): string[] {
    const names: string[] = [];
    for (const [name, token] of this.#tokens) if (isMeant(token)) names.push(name);
    return names;
  }

  #longestUnused(names: readonly string[], count: number): readonly string[] {
    const lastUse = (name: string) => {
      const token = this.#tokens.get(name);
      return token === undefined ? 0 : Math.max(token.usedMs, token.toldMs);
    };
    return names.toSorted((a, b) => lastUse(a) - lastUse(b)).slice(0, count);
  }

  /** Tells the other servers that the token is in use. */
  #touch(name: string, token: Token): void {
    token.isTouching = true;
    this.#run("Cannot tell other servers that a token is in use", async () => {
      try {
        await this.#options.store.submit({
          bytes: 0,
          reads() {},
          apply: (view) => {
            const { user, touches } = token;
            if (this.#tokens.get(name) !== token) return;
            view.setRecord(TOKEN + name, writeToken({ user, touches: touches + 1 }));
          },
        });
      } finally {
        token.isTouching = false;
      }
    });
  }

  #check(): void {
    if (this.#isChecking || !this.#idle().next().value) return;
    this.#isChecking = true;
    this.#run("Cannot end idle tokens", async () => {
      try {
        await this.#options.store.submit({
          bytes: 0,
          reads() {},
          isBarrier: true,
          apply: (view) => {
            let ended = 0;
            for (const name of this.#idle()) {
              if (++ended > AUTH_TOKENS_ENDED_PER_CHECK) break;
              view.setRecord(TOKEN + name, null);
            }
          },
        });
      } finally {
        this.#isChecking = false;
      }
    });
  }

  /** Tokens that lay idle for the whole time. */
  *#idle(): Generator<string, undefined> {
    const { ttlMs, now } = this.#options;
    // Another server may have used it for half of the time without telling so.
    const untoldMs = this.#isShared ? ttlMs / 2 : 0;
    const nowMs = now();
    for (const [name, { toldMs, usedMs }] of this.#tokens) {
      if (nowMs > Math.max(usedMs, toldMs + untoldMs) + ttlMs) yield name;
    }
  }

  #run(failure: string, run: () => Promise<void>): void {
    const running = run().catch((error) => {
      const cause = messageOf(error);
      this.#options.log("warn", `${failure}: trying again`, { cause });
    });
    this.#underWay.add(running);
    running.finally(() => this.#underWay.delete(running));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#underWay);
  }
}

interface StoredToken {
  readonly user: string;
  readonly touches: number;
}

function writeToken({ user, touches }: StoredToken): Uint8Array {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(touches % 2 ** 32);
  return Buffer.concat([head, Buffer.from(user)]);
}

function readToken(value: Uint8Array): StoredToken {
  const bytes = Buffer.from(value);
  return { touches: bytes.readUInt32BE(0), user: bytes.subarray(4).toString() };
}
