/**
 * A backend for tests: the memory backend, whose batches are kept by a web server so that they outlive its Worker, and which
 * breaks its contract in the way that the server says just then. `kept://HOST:PORT/`
 */

import { deserialize, serialize } from "node:v8";
import {
  type Backend,
  BackendError,
  type Batch,
  type OpenOptions,
  type RangeQuery,
} from "../../../backends/contract.ts";
import { openStore } from "../../../backends/memory/mod.ts";
import { createStore } from "../../../backends/memory/store.ts";

export const contractVersion = 1;

export async function open(endpoint: string, options: OpenOptions): Promise<Backend> {
  const place = new KeptBatches(endpoint.replace(/^kept:/, "http:"));
  if (await place.fault() === "open") throw new BackendError("unusable", "the place is closed");
  const store = createStore({ clusterId: await place.clusterId(), nowMs: options.now() });
  const memory = openStore(store, options);
  for (const batch of await place.batches()) await memory.append(batch);
  return new Proxy(memory, {
    get(target, name) {
      const value = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      if (name === "changes") return value.bind(target);
      return async (...args: unknown[]) => {
        const fault = await place.fault();
        if (name === "append") {
          if (fault === "append:throws") throw new Error("I cannot write");
          await place.add(args[0] as Batch);
          if (fault === "append:hangs") await new Promise(() => {});
          if (fault === "append:dies") setTimeout(() => close());
          if (fault === "append:dies") await new Promise(() => {});
        }
        await misbehave(fault, String(name), options);
        const answer = await value.apply(target, args);
        return falsified(answer, { fault, query: args[0] as RangeQuery });
      };
    },
  });
}

/** What is at the web server. */
class KeptBatches {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async fault(): Promise<string> {
    return await (await fetch(`${this.#url}fault`)).text();
  }

  async clusterId(): Promise<bigint> {
    return BigInt(await (await fetch(`${this.#url}cluster`)).text());
  }

  async batches(): Promise<Batch[]> {
    return deserialize(await (await fetch(`${this.#url}batches`)).bytes());
  }

  async add(batch: Batch): Promise<void> {
    await (await fetch(`${this.#url}batches`, { method: "POST", body: serialize(batch) })).text();
  }
}

const leak: unknown[] = [];
/** The Worker's; the types are a window's. */
const scope = globalThis as unknown as { postMessage(message: unknown): void };

/** `METHOD:how` */
async function misbehave(fault: string, method: string, options: OpenOptions): Promise<void> {
  switch (fault) {
    case `${method}:hangs`:
      return await new Promise(() => {});
    case `${method}:spins`:
      for (;;);
    case `${method}:throws`:
      throw new Error("I do not know");
    case `${method}:conflicts`:
      throw new BackendError("conflict", "no race was run");
    case `${method}:makes up a kind`:
      throw Object.assign(new Error("so be it"), { name: "BackendError", kind: "tired" });
    case `${method}:is away`:
      throw Object.assign(new Error("on holiday"), { name: "BackendError", kind: "unavailable" });
    case `${method}:throws later`:
      return void setTimeout(() => {
        throw new Error("boom");
      });
    case `${method}:rejects later`:
      return void Promise.reject(new Error("bang"));
    case `${method}:exits`:
      return Deno.exit(3);
    case `${method}:reads a file`:
      return void await Deno.readTextFile("/etc/hostname");
    case `${method}:leaks`:
      return void setInterval(() => {
        for (let at = 0; at < 20; at++) leak.push(new Array(1_000_000).fill(at + 0.5));
      }, 10);
    case `${method}:logs much`:
      for (let line = 0; line < 2_000; line++) options.log("info", `line ${line}`);
      return;
    case `${method}:sends nothing`:
      return scope.postMessage(null);
    case `${method}:sends a weird line`:
      return scope.postMessage({
        type: "log",
        level: "info",
        message: { toString: 5 },
        fields: {},
      });
    case `${method}:sends a weird field`:
      return scope.postMessage({
        type: "log",
        level: "info",
        message: "odd",
        fields: { a: { toString: 5 } },
      });
    case `${method}:begins anew`:
      return scope.postMessage({ type: "ready" });
    case `${method}:floods`:
      return void setInterval(() => {
        for (let at = 0; at < 2_000; at++) scope.postMessage({ type: "wake", id: at });
      });
  }
}

/** `answer:how` */
function falsified(
  answer: unknown,
  { fault, query }: { readonly fault: string; readonly query: RangeQuery },
): unknown {
  if (typeof answer !== "object" || answer === null) return answer;
  const { head, kvs = [] } = answer as { head?: { index: number }; kvs?: unknown[] };
  switch (fault) {
    case "answer:undefined":
      return undefined;
    case "answer:reversed":
      return { ...answer, kvs: kvs.toReversed() };
    case "answer:too many":
      return { ...answer, kvs: Array.from({ length: query.limit + 1 }, () => kvs[0]) };
    case "answer:too few":
      return { ...answer, kvs: kvs.slice(1) };
    case "answer:gone back":
      return { ...answer, head: { ...head, index: 0, batchId: "" } };
    case "answer:fraction":
      return { ...answer, head: { ...head, revision: 1.5 } };
    case "answer:function":
      return { ...answer, head: () => {} };
    default:
      return answer;
  }
}
