/** `serviceTest`: one fact about a service, checked against every target of the run. */

import { type Endpoint, type EndpointOptions, startEndpoint } from "./endpoint.ts";
import type { EtcdClient } from "./etcd_client.ts";
import { bytes } from "./message_init.ts";
import { targetsFor } from "./protocol_files.ts";
import { skipOf, type TargetName, testTargets } from "./targets.ts";

export interface ServiceTestOptions extends EndpointOptions {
  /**
   * Gives the test a server of its own: for facts about an empty store, and for tests that compact,
   * restart or fill it. Without it, the tests of a file that ask for the same flags share a server.
   */
  readonly fresh?: boolean;
  /** Targets that this fact need not hold for, each with the reason. They count as ignored. */
  readonly skips?: { readonly [target in TargetName]?: string };
}

/** Skips a fact of etcd that Rhino does not share, on whatever it runs. */
export function notRhino(reason: string): { readonly [target in TargetName]?: string } {
  return { memory: reason, sqlite: reason, postgres: reason, mysql: reason, redis: reason };
}

/** What a test works with. */
export interface ServiceTestContext {
  readonly endpoint: Endpoint;
  /** The endpoint's client; streams it opens end with the test file at the latest. */
  readonly client: EtcdClient;
  readonly target: TargetName;
  /** A prefix no other test of the file uses; it ends with a slash. */
  readonly prefix: string;
  /** A key below the prefix. */
  key(name: string): string;
  /** `key` and `rangeEnd` of all keys that start with the prefix and `name`. */
  all(name?: string): { readonly key: string; readonly rangeEnd: Uint8Array };
}

const shared = new Map<string, Promise<Endpoint>>();
let testsRegistered = 0;

Deno.test.afterAll(async () => {
  const endpoints = await Promise.allSettled(shared.values());
  shared.clear();
  for (const endpoint of endpoints) {
    if (endpoint.status === "fulfilled") await endpoint.value[Symbol.asyncDispose]();
  }
});

type Run = (context: ServiceTestContext) => Promise<void>;

/** Registers a test, named as a fact (`KV: a put …`), once for each target. */
export function serviceTest(name: string, run: Run): void;
export function serviceTest(name: string, options: ServiceTestOptions, run: Run): void;
export function serviceTest(
  name: string,
  ...rest: [run: Run] | [options: ServiceTestOptions, run: Run]
): void {
  const [options, run] = rest.length === 1 ? [{}, rest[0]] : rest;
  register(name, { ...options, run });
}

function register(name: string, options: ServiceTestOptions & { readonly run: Run }): void {
  const { run } = options;
  const prefix = `t${++testsRegistered}/`;
  for (const target of targetsFor(Deno.mainModule, testTargets())) {
    const skip = skipOf(options.skips ?? {}, target);
    Deno.test({
      name: skip === undefined ? `${target}: ${name}` : `${target}: ${name} (skipped: ${skip})`,
      ignore: skip !== undefined,
      // The shared server and its connection live longer than one test.
      sanitizeOps: false,
      sanitizeResources: false,
      async fn() {
        if (options.fresh) {
          await using endpoint = await startEndpoint(target, options);
          await run(testContext(endpoint, prefix));
        } else {
          await run(testContext(await sharedEndpoint(target, options), prefix));
        }
      },
    });
  }
}

function sharedEndpoint(target: TargetName, options: EndpointOptions): Promise<Endpoint> {
  const id = JSON.stringify([target, options.flags ?? []]);
  let endpoint = shared.get(id);
  if (endpoint === undefined) {
    endpoint = startEndpoint(target, options);
    shared.set(id, endpoint);
  }
  return endpoint;
}

function testContext(endpoint: Endpoint, prefix: string): ServiceTestContext {
  return {
    endpoint,
    client: endpoint.client,
    target: endpoint.target,
    prefix,
    key: (name) => prefix + name,
    all: (name = "") => ({ key: prefix + name, rangeEnd: prefixEnd(prefix + name) }),
  };
}

/** The range end for all keys that start with `prefix`: its last byte raised by one. */
export function prefixEnd(prefix: string): Uint8Array {
  const end = bytes(prefix);
  const last = end.length - 1;
  // UTF-8 has no byte 0xff, so one more never overflows.
  end[last] = (end[last] ?? 0) + 1;
  return end;
}
