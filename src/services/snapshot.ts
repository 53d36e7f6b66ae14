/**
 * Maintenance.Snapshot: a database file of etcd's in blobs, then its SHA-256, by which `etcdctl snapshot save` and a restore
 * check that they have all of it.
 */
import { createHash } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  Maintenance,
  SnapshotRequestSchema,
  SnapshotResponseSchema,
} from "../../gen/etcdserverpb/maintenance_pb.ts";
import type { Authority } from "../auth/authority.ts";
import { EtcdError, GRPC, StatusError } from "../errors.ts";
import { SNAPSHOT_STALL_MS, SNAPSHOTS_MAX, SNAPSHOTS_WAITING_MAX } from "../limits.ts";
import type { Log } from "../log.ts";
import type { Snapshot, Snapshotter } from "../snapshot/snapshotter.ts";
import { TemporaryFileError } from "../snapshot/temporary_file.ts";
import type { StreamCall } from "../transport/call.ts";
import { Turns } from "../snapshot/turns.ts";
import { decodeStreamed, pathOf, type ServiceMethods } from "./service.ts";

export interface SnapshotServiceOptions {
  readonly snapshotter: Pick<Snapshotter, "make">;
  readonly authority: Pick<Authority, "requireAdmin">;
  readonly log: Log;
  /** Others than those of `limits.ts`, for tests. */
  readonly limits?: SnapshotLimits;
}

export interface SnapshotLimits {
  readonly max: number;
  readonly waitingMax: number;
  readonly stallMs: number;
}

const LIMITS: SnapshotLimits = {
  max: SNAPSHOTS_MAX,
  waitingMax: SNAPSHOTS_WAITING_MAX,
  stallMs: SNAPSHOT_STALL_MS,
};

/** etcd's. */
const BLOB_BYTES = 32 * 1024;

export function snapshotMethods(options: SnapshotServiceOptions): ServiceMethods {
  const { limits = LIMITS } = options;
  const turns = new Turns(limits);
  return [
    [pathOf(Maintenance, "Snapshot"), {
      kind: "server-stream",
      async handle(call) {
        for await (const bytes of call.requests) {
          decodeStreamed(SnapshotRequestSchema, bytes);
          await options.authority.requireAdmin(call);
          await takeTurn(turns, { ...options, limits, call });
        }
      },
    }],
  ];
}

interface Taking extends SnapshotServiceOptions {
  readonly limits: SnapshotLimits;
  readonly call: StreamCall;
}

async function takeTurn(turns: Turns, taking: Taking): Promise<void> {
  const { call, log } = taking;
  try {
    using _turn = await turns.take(call.signal);
    await takeSnapshot(taking);
  } catch (error) {
    // Nobody is there any more to be told.
    if (call.signal.aborted) return;
    if (!(error instanceof TemporaryFileError)) throw error;
    log("error", "Cannot make a snapshot: its folder has no room for it, or cannot be written", {
      error,
    });
    throw error.isFull
      ? new StatusError(GRPC.RESOURCE_EXHAUSTED, "rhino: no space left to make the snapshot")
      : new StatusError(GRPC.UNKNOWN, "rhino: cannot write the snapshot's temporary file");
  }
}

async function takeSnapshot(taking: Taking): Promise<void> {
  const { call, snapshotter, log } = taking;
  using snapshot = await snapshotter.make(call.signal);
  const { revision, version, file: { size: bytes } } = snapshot;
  log("info", "sending database snapshot to client", { bytes, revision, version });
  await sendFile(taking, snapshot);
  if (!call.signal.aborted) log("info", "sent database snapshot to client", { bytes, revision });
}

async function sendFile(taking: Taking, { file, version }: Snapshot): Promise<void> {
  const hash = createHash("sha256");
  let remaining = file.size;
  for await (const blob of file.read(BLOB_BYTES)) {
    hash.update(blob);
    remaining -= blob.length;
    await sendBlob(taking, { blob, remaining, version });
    if (taking.call.signal.aborted) return;
  }
  await sendBlob(taking, { blob: hash.digest(), remaining: 0, version });
}

interface Part {
  readonly blob: Uint8Array;
  /** Bytes of the file behind it. */
  readonly remaining: number;
  readonly version: string;
}

/** @throws {EtcdError} `timeout` if the client takes nothing for so long that it may be gone */
async function sendBlob(
  { call, limits }: Taking,
  { blob, remaining, version }: Part,
): Promise<void> {
  const message = create(SnapshotResponseSchema, {
    blob,
    remainingBytes: BigInt(remaining),
    version,
  });
  if (call.send([toBinary(SnapshotResponseSchema, message)])) return;
  const stalled = Promise.withResolvers<never>();
  const timer = setTimeout(() => stalled.reject(new EtcdError("timeout")), limits.stallMs);
  try {
    await Promise.race([call.drained(), stalled.promise]);
  } finally {
    clearTimeout(timer);
  }
}
