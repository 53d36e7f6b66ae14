/** etcdserverpb.KV: check → call → encode. */
import {
  CompactionRequestSchema,
  CompactionResponseSchema,
  DeleteRangeRequestSchema,
  KV,
  PutRequestSchema,
  RangeRequestSchema,
  TxnRequestSchema,
} from "../../gen/etcdserverpb/kv_pb.ts";
import { EtcdError } from "../errors.ts";
import { compactCommand, deleteCommand, putCommand, txnCommand } from "../mvcc/commands.ts";
import type { Compactor } from "../compaction/compactor.ts";
import { costOf } from "../mvcc/quota.ts";
import { canStream } from "../mvcc/range.ts";
import { RangeOvertaken, restartIfOvertaken } from "../mvcc/range_pages.ts";
import type { RangePart } from "../mvcc/reader.ts";
import type { Store } from "../mvcc/store.ts";
import { readTxn } from "../mvcc/read_txn.ts";
import { containsPut, isReadOnly } from "../mvcc/txn.ts";
import type { RangeOp, Read } from "../mvcc/types.ts";
import type { CallContext, MessageParts, StreamCall } from "../transport/call.ts";
import { countTxn } from "./txn_counts.ts";
import { checkKeySize } from "./check_key_size.ts";
import { checkDuplicates } from "./check_duplicates.ts";
import { checkDelete, checkPut, checkRange, checkStreamable, checkTxn } from "./check.ts";
import { toDelete, toPut, toRange, toTxn } from "./kv_request.ts";
import {
  encodeDelete,
  encodePut,
  encodeRange,
  encodeRangePart,
  encodeRangeStream,
  encodeTxn,
  fullHeader,
} from "./kv_response.ts";
import {
  decode,
  decodeStreamed,
  pathOf,
  type ServiceMethods,
  type ServiceOptions,
  unary,
} from "./service.ts";

/** What etcd's log entry adds to a request before its size is checked. */
const ENTRY_OVERHEAD_BYTES = 19;

/** A unary request as it came, and who sent it. */
interface Request {
  readonly bytes: Uint8Array;
  readonly call: CallContext;
}

export interface KvServiceOptions extends ServiceOptions {
  readonly compactor: Compactor;
}

export function kvMethods(options: KvServiceOptions): ServiceMethods {
  const { store, header, authority } = options;
  return [
    [pathOf(KV, "Range"), {
      kind: "unary",
      handle: (bytes, call) => range(options, { bytes, call }),
    }],
    [pathOf(KV, "RangeStream"), {
      kind: "server-stream",
      handle: (call) => rangeStream(options, call),
    }],
    [pathOf(KV, "Put"), { kind: "unary", handle: (bytes, call) => put(options, { bytes, call }) }],
    [pathOf(KV, "DeleteRange"), {
      kind: "unary",
      handle: (bytes, call) => deleteRange(options, { bytes, call }),
    }],
    [pathOf(KV, "Txn"), { kind: "unary", handle: (bytes, call) => txn(options, { bytes, call }) }],
    [
      pathOf(KV, "Compact"),
      unary(
        { request: CompactionRequestSchema, response: CompactionResponseSchema },
        async (request, call) => {
          const permit = await authority.permit(call);
          const { revision } = await store.submit(
            compactCommand(Number(request.revision), store.alarms, permit),
          );
          if (request.physical) await options.compactor.trimmed();
          return { header: header.message(revision) };
        },
      ),
    ],
  ];
}

async function range(
  options: ServiceOptions,
  { bytes, call }: Request,
): Promise<MessageParts> {
  const request = decode(RangeRequestSchema, bytes);
  checkRange(request);
  const { store, header, authority } = options;
  const op = toRange(request);
  store.counts.ranges++;
  if (canStream(op)) {
    const read = () => restartIfOvertaken(() => pagedRange(options, { op, call }));
    return (authority.isOff ? await read() : await authority.read(call, op, read)).parts;
  }
  const read = () => store.reader.range(op, call);
  const result = authority.isOff ? await read() : await authority.read(call, op, read);
  return encodeRange(result, fullHeader(header, result.revision));
}

/** Packs each page as it comes, so that a long list is held once, and in few pieces. */
async function pagedRange(
  { store, header }: ServiceOptions,
  { op, call }: { op: RangeOp; call: CallContext },
): Promise<Read<{ parts: MessageParts }>> {
  const parts: Uint8Array[] = [];
  let recordsIndex = 0;
  for await (const part of store.reader.stream(op, call, { isWhole: true })) {
    const fields = parts.length === 0 ? fullHeader(header, part.revision) : null;
    parts.push(...encodeRangePart(part, fields));
    recordsIndex = part.recordsIndex;
  }
  return { parts, recordsIndex };
}

async function put(options: ServiceOptions, { bytes, call }: Request): Promise<MessageParts> {
  const request = decode(PutRequestSchema, bytes);
  checkPut(request);
  const permit = await options.authority.permit(call);
  checkSize(options, bytes);
  const { store, header, quota } = options;
  const op = toPut(request);
  checkKeySize(op, store.backend.capabilities.keySizeMax);
  if (quota.bytesMax > 0) await quota.check(costOf(op));
  const command = putCommand(op, { alarms: store.alarms, bytes: bytes.length, permit });
  const result = await store.submit(command);
  return [encodePut(result, fullHeader(header, result.revision))];
}

async function deleteRange(
  options: ServiceOptions,
  { bytes, call }: Request,
): Promise<MessageParts> {
  const request = decode(DeleteRangeRequestSchema, bytes);
  checkDelete(request);
  const permit = await options.authority.permit(call);
  checkSize(options, bytes);
  const { store, header } = options;
  const op = toDelete(request);
  const command = deleteCommand(op, { alarms: store.alarms, bytes: bytes.length, permit });
  const result = await store.submit(command);
  return [encodeDelete(result, fullHeader(header, result.revision))];
}

async function txn(
  options: ServiceOptions,
  { bytes, call }: Request,
): Promise<MessageParts> {
  const request = decode(TxnRequestSchema, bytes);
  checkTxn(request, options.txnOpsMax);
  checkDuplicates(request);
  const op = toTxn(request);
  const { store, header, quota, authority } = options;
  if (isReadOnly(op)) {
    const { backend, reader } = store;
    const read = () => readTxn({ backend, reader, call }, op);
    const result = authority.isOff ? await read() : await authority.read(call, op, read);
    countTxn(store.counts, { op, result });
    return [encodeTxn(result, fullHeader(header, result.revision))];
  }
  const permit = await options.authority.permit(call);
  checkSize(options, bytes);
  checkKeySize(op, store.backend.capabilities.keySizeMax);
  if (quota.bytesMax > 0 && containsPut(op)) await quota.check(costOf(op));
  const command = txnCommand(op, { alarms: store.alarms, bytes: bytes.length, permit });
  const result = await store.submit(command);
  countTxn(store.counts, { op, result });
  return [encodeTxn(result, fullHeader(header, result.revision))];
}

function checkSize({ requestBytesMax }: ServiceOptions, bytes: Uint8Array): void {
  if (bytes.length + ENTRY_OVERHEAD_BYTES > requestBytesMax) throw new EtcdError("requestTooLarge");
}

async function rangeStream(options: ServiceOptions, call: StreamCall): Promise<void> {
  const { store, header } = options;
  for await (const bytes of call.requests) {
    const request = decodeStreamed(RangeRequestSchema, bytes);
    checkRange(request);
    const op = toRange(request);
    checkStreamable(op);
    store.counts.ranges++;
    try {
      for await (const part of rangeParts(options, { op, call })) {
        const fields = part.isLast ? fullHeader(header, part.revision) : null;
        const isTaken = call.send(encodeRangeStream(encodeRangePart(part, fields)));
        if (!isTaken) await call.drained();
        if (call.signal.aborted) return;
      }
    } catch (error) {
      // What was sent cannot be taken back, so it cannot start again.
      throw error instanceof RangeOvertaken ? new EtcdError("compacted", { cause: error }) : error;
    }
  }
}

/** The parts of any range that RangeStream takes: one, if it is not worth more. */
async function* rangeParts(
  { store, authority }: ServiceOptions,
  { op, call }: { op: RangeOp; call: CallContext },
): AsyncGenerator<RangePart> {
  let isAllowed = authority.isOff;
  const admission = isAllowed ? 0 : await authority.admitOp(call, op);
  for await (const part of readParts(store, { op, call })) {
    isAllowed ||= await authority.stillHolds(admission, part.recordsIndex);
    if (!isAllowed) throw new EtcdError("authOldRevision");
    yield part;
  }
}

async function* readParts(
  store: Store,
  { op, call }: { op: RangeOp; call: CallContext },
): AsyncGenerator<RangePart> {
  if (canStream(op)) return yield* store.reader.stream(op, call);
  yield { ...await store.reader.range(op, call), packed: null, isLast: true };
}
