import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { fromBinary } from "@bufbuild/protobuf";
import { Maintenance, SnapshotResponseSchema } from "../../gen/etcdserverpb/maintenance_pb.ts";
import { EtcdError, GRPC } from "../errors.ts";
import type { Snapshot } from "../snapshot/snapshotter.ts";
import { type OpenedFile, TemporaryFile, TemporaryFileError } from "../snapshot/temporary_file.ts";
import type { StreamCall } from "../transport/call.ts";
import { pathOf } from "./service.ts";
import { snapshotMethods, type SnapshotServiceOptions } from "./snapshot.ts";

const MEBIBYTE = 1024 * 1024;

/** A call whose client takes `room` messages and then no more. */
class Call implements StreamCall {
  readonly peer = "";
  readonly authority = "";
  readonly clientName = undefined;
  readonly bufferedBytes = 0;
  readonly leaving = new AbortController();
  readonly signal = this.leaving.signal;
  readonly sent: Buffer[] = [];
  readonly stalled = Promise.withResolvers<void>();
  readonly #room: number;

  constructor(room = Infinity) {
    this.#room = room;
  }

  metadata = () => undefined;
  holds = () => false;

  get requests(): AsyncIterable<Uint8Array> {
    return ReadableStream.from([new Uint8Array(0)]);
  }

  send(parts: readonly Uint8Array[]): boolean {
    this.sent.push(Buffer.concat(parts));
    return this.sent.length < this.#room;
  }

  drained(): Promise<void> {
    this.stalled.resolve();
    return new Promise((resolve) => this.signal.addEventListener("abort", () => resolve()));
  }
}

/** The service over files of one mebibyte, and how many are open. */
function service(options: Partial<SnapshotServiceOptions> = {}) {
  const state = { open: 0, made: 0, logged: [] as string[] };
  const make = (): Promise<Snapshot> => {
    state.open++;
    state.made++;
    const file = new TemporaryFile("folder", { file: zeros(), size: MEBIBYTE });
    return Promise.resolve({
      file,
      version: "3.7.0",
      revision: 1,
      [Symbol.dispose]: () => state.open--,
    });
  };
  const [[path, method] = []] = snapshotMethods({
    snapshotter: { make },
    authority: { requireAdmin: () => Promise.resolve() },
    log: (_level, message) => state.logged.push(message),
    limits: { max: 1, waitingMax: 1, stallMs: 60_000 },
    ...options,
  });
  assert.equal(path, pathOf(Maintenance, "Snapshot"));
  assert.ok(method?.kind === "server-stream");
  return { state, handle: method.handle };
}

function zeros(): OpenedFile {
  return {
    read: (part) => Promise.resolve(part.fill(0).length),
    write: (part) => Promise.resolve(part.length),
    seek: () => Promise.resolve(0),
    close() {},
  };
}

Deno.test("Snapshot gives its file back when it is sent", async () => {
  const { state, handle } = service();
  const call = new Call();
  await handle(call);
  assert.equal(call.sent.length, MEBIBYTE / (32 * 1024) + 1);
  const [first] = call.sent;
  const { remainingBytes, version } = fromBinary(SnapshotResponseSchema, first ?? Buffer.alloc(0));
  assert.deepEqual([remainingBytes, version], [BigInt(MEBIBYTE - 32 * 1024), "3.7.0"]);
  assert.equal(state.open, 0);
});

Deno.test("Snapshot gives its file back when the client goes", async () => {
  const { state, handle } = service();
  const call = new Call(3);
  const ended = handle(call);
  await call.stalled.promise;
  assert.deepEqual([state.open, call.sent.length], [1, 3]);
  call.leaving.abort(new Error("gone"));
  await ended;
  assert.deepEqual([state.open, call.sent.length], [0, 3]);
});

Deno.test("Snapshot ends for a client that takes nothing any more", async () => {
  const { state, handle } = service({ limits: { max: 1, waitingMax: 1, stallMs: 1 } });
  await assert.rejects(handle(new Call(3)), new EtcdError("timeout"));
  assert.equal(state.open, 0);
});

Deno.test("Snapshot makes no more files at a time than it may", async () => {
  const { state, handle } = service();
  const stalled = new Call(1);
  const first = handle(stalled);
  await stalled.stalled.promise;
  const second = handle(new Call());
  const third = new Call();
  // Its place in the line is taken once its request was read.
  await assert.rejects(
    Promise.race([handle(third), second]),
    new EtcdError("tooManyRequests"),
  );
  assert.deepEqual([state.made, third.sent.length], [1, 0]);
  stalled.leaving.abort();
  await Promise.all([first, second]);
  assert.deepEqual([state.made, state.open], [2, 0]);
});

Deno.test("Snapshot tells a client of a full disk, and the operator more", async () => {
  const { state, handle } = service({
    snapshotter: {
      make() {
        const cause = Object.assign(new Error("No space left"), { code: "ENOSPC" });
        return Promise.reject(new TemporaryFileError("/secret/folder", { cause }));
      },
    },
  });
  await assert.rejects(handle(new Call()), {
    code: GRPC.RESOURCE_EXHAUSTED,
    message: "rhino: no space left to make the snapshot",
  });
  assert.equal(state.logged.length, 1);
  // Its turn is free again.
  await assert.rejects(handle(new Call()), { code: GRPC.RESOURCE_EXHAUSTED });
});

Deno.test("Snapshot refuses a request that is none", async () => {
  const { handle } = service();
  const call = new Call();
  Object.defineProperty(call, "requests", {
    value: ReadableStream.from([new Uint8Array([0xff])]),
  });
  await assert.rejects(handle(call), { code: GRPC.INTERNAL });
});
