import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import {
  WatchRequestSchema,
  type WatchResponse,
  WatchResponseSchema,
} from "../../gen/etcdserverpb/watch_pb.ts";
import { EventSchema } from "../../gen/mvccpb/kv_pb.ts";
import { StatusError } from "../errors.ts";
import {
  aborted,
  type CallContext,
  type StreamCall,
  type StreamHandler,
} from "../transport/call.ts";
import { WatchFeed } from "./watch_feed.ts";

const KEY = new TextEncoder().encode("k");

function callerOf(signal: AbortSignal): CallContext {
  return {
    signal,
    peer: "peer",
    authority: "authority",
    clientName: "name",
    metadata: (name) => `the ${name}`,
  };
}

/** A feed whose other end the test plays. */
function openFeed() {
  const controller = new AbortController();
  const { promise: call, resolve } = Promise.withResolvers<StreamCall>();
  const ended = Promise.withResolvers<void>();
  const handle: StreamHandler = async (call) => {
    resolve(call);
    await Promise.race([ended.promise, aborted(call.signal)]);
  };
  const feed = new WatchFeed({
    handle,
    caller: callerOf(controller.signal),
    request: { key: KEY, startRevision: 7n },
  });
  return { feed, call, controller, end: ended.resolve, fail: ended.reject };
}

function send(call: StreamCall, response: Partial<Omit<WatchResponse, "$typeName">>): boolean {
  return call.send([toBinary(WatchResponseSchema, create(WatchResponseSchema, response))]);
}

function events(count: number) {
  return { events: Array.from({ length: count }, () => create(EventSchema)) };
}

Deno.test("WatchFeed asks for one watch, as its caller", async () => {
  const { feed, call } = openFeed();
  const { requests, peer, authority, clientName, metadata } = await call;
  const asked: unknown[] = [];
  for await (const bytes of requests) {
    const { requestUnion } = fromBinary(WatchRequestSchema, bytes);
    assert.equal(requestUnion.case, "createRequest");
    if (requestUnion.case !== "createRequest") continue;
    asked.push([requestUnion.value.key, requestUnion.value.startRevision]);
  }
  assert.deepEqual(asked, [[KEY, 7n]]);
  assert.deepEqual([peer, authority, clientName], ["peer", "authority", "name"]);
  assert.equal(metadata.call(await call, "token"), "the token");
  await feed[Symbol.asyncDispose]();
});

Deno.test("WatchFeed gives events in order, and passes over what has none", async () => {
  const { feed, call } = openFeed();
  const stream = await call;
  send(stream, { created: true });
  send(stream, events(1));
  send(stream, {});
  const changes = feed.changes();
  assert.equal((await changes.next()).value?.events.length, 1);
  const next = changes.next();
  send(stream, events(2));
  assert.equal((await next).value?.events.length, 2);
  await feed[Symbol.asyncDispose]();
});

Deno.test("WatchFeed counts what waits, and tells when all of it was taken", async () => {
  const { feed, call } = openFeed();
  const stream = await call;
  await stream.drained();
  assert.equal(stream.bufferedBytes, 0);
  assert.equal(send(stream, events(1)), false);
  const one = stream.bufferedBytes;
  assert.ok(one > 0);
  send(stream, events(1));
  assert.equal(stream.bufferedBytes, 2 * one);
  let isDrained = false;
  const drained = stream.drained().then(() => isDrained = true);
  const changes = feed.changes();
  await changes.next();
  assert.deepEqual([stream.bufferedBytes, isDrained], [one, false]);
  await changes.next();
  await drained;
  assert.equal(stream.bufferedBytes, 0);
  await feed[Symbol.asyncDispose]();
});

Deno.test("WatchFeed fails with what canceled its watch", async () => {
  for (
    const [response, expected] of [
      [{ canceled: true, compactRevision: 9n }, /^etcdserver: mvcc: required revision has been/],
      [{ canceled: true, cancelReason: "not allowed" }, /^not allowed$/],
    ] as const
  ) {
    const { feed, call } = openFeed();
    send(await call, response);
    await assert.rejects(feed.changes().next(), (error: unknown) => {
      return error instanceof StatusError && expected.test(error.message);
    });
    await feed[Symbol.asyncDispose]();
  }
});

Deno.test("WatchFeed fails with what ended its stream, after what came before", async () => {
  const { feed, call, fail } = openFeed();
  send(await call, events(1));
  fail(new StatusError(13, "internal error"));
  const changes = feed.changes();
  assert.equal((await changes.next()).value?.events.length, 1);
  await assert.rejects(changes.next(), { code: 13, message: "internal error" });
  await feed[Symbol.asyncDispose]();
});

Deno.test("WatchFeed ends with its caller, for the same reason", async () => {
  const { feed, call, controller } = openFeed();
  const { signal } = await call;
  const next = feed.changes().next();
  controller.abort(new StatusError(1, "context canceled"));
  await assert.rejects(next, { code: 1 });
  assert.ok(signal.aborted);
  await feed[Symbol.asyncDispose]();
  const late = new WatchFeed({
    handle: ({ signal }) => aborted(signal),
    caller: callerOf(controller.signal),
    request: {},
  });
  await assert.rejects(late.changes().next(), { code: 1 });
  await late[Symbol.asyncDispose]();
});

Deno.test("WatchFeed lets go of its stream and of whoever waits to send", async () => {
  const { feed, call } = openFeed();
  const stream = await call;
  send(stream, events(1));
  const drained = stream.drained();
  await feed[Symbol.asyncDispose]();
  await drained;
  assert.ok(stream.signal.aborted);
  const before = stream.bufferedBytes;
  send(stream, events(1));
  assert.equal(stream.bufferedBytes, before);
});
