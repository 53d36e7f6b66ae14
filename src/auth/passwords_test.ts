import assert from "node:assert/strict";
import { PASSWORD_QUEUE_MAX, PASSWORD_THREADS_MAX } from "../limits.ts";
import { StatusError } from "../errors.ts";
import {
  createPasswords,
  type PasswordAnswer,
  type PasswordTask,
  type PasswordThread,
} from "./passwords.ts";

const COST = 4;
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** A thread whose answers the test gives. */
class FakeThread implements PasswordThread {
  onmessage: PasswordThread["onmessage"] = null;
  onerror: PasswordThread["onerror"] = null;
  readonly tasks: PasswordTask[] = [];
  isTerminated = false;

  postMessage(task: PasswordTask): void {
    this.tasks.push(task);
  }

  terminate(): void {
    this.isTerminated = true;
  }

  answer(data: PasswordAnswer): void {
    this.onmessage?.(new MessageEvent("message", { data }));
  }

  die(): void {
    this.onerror?.(new ErrorEvent("error", { message: "out of memory", cancelable: true }));
  }
}

function fakePool({ taskMsMax }: { taskMsMax?: number } = {}) {
  const threads: FakeThread[] = [];
  const warnings: string[] = [];
  const passwords = createPasswords({
    cost: COST,
    log: (_level, message) => void warnings.push(message),
    startThread: () => {
      const thread = new FakeThread();
      threads.push(thread);
      return thread;
    },
    ...(taskMsMax === undefined ? {} : { taskMsMax }),
  });
  const thread = (index: number) => threads[index] ?? assert.fail(`no thread ${index}`);
  return { passwords, threads, thread, warnings };
}

function statusIs(code: number, message: string) {
  return (error: unknown) =>
    error instanceof StatusError && error.code === code && error.message === message;
}

const isStopped = statusIs(14, "etcdserver: server stopped");

Deno.test("passwords: a hash is of Go's version and the given cost, and fits its password alone", async () => {
  await using passwords = createPasswords({ cost: COST, log: () => {} });
  const hash = await passwords.hash("pässword");
  assert.match(text(hash), /^\$2a\$04\$.{53}$/);
  assert.equal(await passwords.matches("pässword", hash), true);
  assert.equal(await passwords.matches("passwort", hash), false);
  assert.notDeepEqual(await passwords.hash("pässword"), hash);
});

Deno.test("passwords: hashes that Go's bcrypt made are understood", async () => {
  await using passwords = createPasswords({ cost: COST, log: () => {} });
  for (
    const [password, hash] of [
      ["", "$2a$04$DwsY.kPi8xVGoMxV6J4B2utDJgClj7ZcoyHfSx3TA8du.ki3kVCwe"],
      ["rhinoceros", "$2a$04$JdUqsAO6OO7QmMuAnmr9Re9RP8VEeYb7zdzfLzzU5Ukdjt2Uj8Nci"],
      ["密码 und Ümläute", "$2a$04$I9Q0d78/k/yrXoXmsW16qectIL/0spZ.DX4MM7.tQ7FcGi5mFNeYG"],
    ] as const
  ) {
    assert.equal(await passwords.matches(password, bytes(hash)), true, password);
    assert.equal(await passwords.matches(`${password}x`, bytes(hash)), false, password);
  }
});

Deno.test("passwords: more than 72 bytes are not hashed, but compared by their first 72, as in etcd", async () => {
  await using passwords = createPasswords({ cost: COST, log: () => {} });
  const hash = await passwords.hash("a".repeat(72));
  assert.equal(await passwords.matches("a".repeat(73), hash), true);
  assert.equal(await passwords.matches("a".repeat(71), hash), false);
  const tooLong = statusIs(2, "bcrypt: password length exceeds 72 bytes");
  await assert.rejects(passwords.hash("a".repeat(73)), tooLong);
  await assert.rejects(passwords.hash("ä".repeat(37)), tooLong);
});

Deno.test("passwords: nothing fits what is no hash", async () => {
  await using passwords = createPasswords({ cost: COST, log: () => {} });
  const hash = text(await passwords.hash("a"));
  for (const wrong of ["", "a", hash.slice(1), hash.slice(0, -1), hash.replace("$04$", "$32$")]) {
    assert.equal(await passwords.matches("a", bytes(wrong)), false, wrong);
  }
  assert.equal(await passwords.matches("a", new Uint8Array(60).fill(0xff)), false);
});

Deno.test("passwords: threads start when they are needed, and never more than the limit", async () => {
  const { passwords, threads, thread } = fakePool();
  assert.equal(threads.length, 0);
  const first = passwords.hash("1");
  await Promise.resolve();
  assert.equal(threads.length, 1);
  thread(0).answer({ result: "h1" });
  assert.equal(text(await first), "h1");
  const second = passwords.hash("2");
  await Promise.resolve();
  assert.equal(threads.length, 1);
  const more = ["3", "4", "5"].map((password) => passwords.hash(password));
  await Promise.resolve();
  assert.equal(threads.length, PASSWORD_THREADS_MAX);
  thread(0).answer({ result: "h2" });
  thread(0).answer({ result: "h4" });
  thread(0).answer({ result: "h5" });
  thread(1).answer({ result: "h3" });
  assert.equal(text(await second), "h2");
  assert.deepEqual((await Promise.all(more)).map(text), ["h3", "h4", "h5"]);
  await passwords[Symbol.asyncDispose]();
  assert.ok(threads.every(({ isTerminated }) => isTerminated));
});

Deno.test("passwords: a full queue refuses, and takes more when there is room", async () => {
  const { passwords, thread } = fakePool();
  const waiting = Array.from(
    { length: PASSWORD_THREADS_MAX + PASSWORD_QUEUE_MAX },
    () => passwords.hash("a"),
  );
  await assert.rejects(passwords.hash("a"), statusIs(2, "etcdserver: too many requests"));
  thread(0).answer({ result: "h" });
  waiting.push(passwords.hash("a"));
  await passwords[Symbol.asyncDispose]();
  const results = await Promise.allSettled(waiting);
  assert.deepEqual(
    results.map(({ status }) => status),
    ["fulfilled", ...Array(waiting.length - 1).fill("rejected")],
  );
});

Deno.test("passwords: what a thread died of is tried on another one, once", async () => {
  const { passwords, threads, thread, warnings } = fakePool();
  const first = passwords.hash("a");
  await Promise.resolve();
  thread(0).die();
  assert.equal(thread(0).isTerminated, true);
  thread(1).answer({ result: "h" });
  assert.equal(text(await first), "h");
  const second = passwords.hash("b");
  await Promise.resolve();
  thread(1).die();
  thread(2).die();
  await assert.rejects(second, /the thread died: out of memory/);
  assert.equal(threads.length, 3);
  assert.equal(warnings.length, 3);
  await passwords[Symbol.asyncDispose]();
});

Deno.test("passwords: a hash that takes too long is given up, and its thread ended", async () => {
  const { passwords, thread } = fakePool({ taskMsMax: 1 });
  await assert.rejects(passwords.hash("a"), statusIs(14, "etcdserver: request timed out"));
  assert.equal(thread(0).isTerminated, true);
  await passwords[Symbol.asyncDispose]();
});

Deno.test("passwords: a failure in the thread fails its task alone", async () => {
  const { passwords, thread } = fakePool();
  const first = passwords.hash("a");
  await Promise.resolve();
  thread(0).answer({ error: "odd" });
  await assert.rejects(first, /Cannot hash a password: odd/);
  const second = passwords.hash("b");
  await Promise.resolve();
  thread(0).answer({ result: "h" });
  assert.equal(text(await second), "h");
  await passwords[Symbol.asyncDispose]();
});

Deno.test("passwords: after the end nothing is taken, and what waited fails", async () => {
  const { passwords, threads } = fakePool();
  const waiting = ["a", "b", "c"].map((password) => passwords.hash(password));
  await Promise.resolve();
  await passwords[Symbol.asyncDispose]();
  for (const one of waiting) await assert.rejects(one, isStopped);
  await assert.rejects(passwords.hash("d"), isStopped);
  assert.equal(threads.length, PASSWORD_THREADS_MAX);
});
