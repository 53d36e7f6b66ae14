/** Takes what a script answered apart, and finds what cannot be. */

import { Buffer } from "node:buffer";
import { BackendError, type BatchPlace, type Head } from "./kit.ts";
import type { Reply } from "./link.ts";
import { decodeHead, readPlace } from "./rows.ts";

export function listOf(reply: Reply | undefined): readonly Reply[] {
  if (Array.isArray(reply)) return reply;
  throw unexpected();
}

export function bytesOf(reply: Reply | undefined): Buffer {
  if (reply instanceof Buffer) return reply;
  throw unexpected();
}

export function bytesOrNull(reply: Reply | undefined): Buffer | null {
  return reply === null ? null : bytesOf(reply);
}

export function numberOf(reply: Reply | undefined): number {
  const value = typeof reply === "number" ? reply : Number(bytesOf(reply).toString());
  if (Number.isFinite(value)) return value;
  throw unexpected();
}

/** What every read begins with. */
export interface Top {
  readonly head: Head;
  /** What the ring holds in the slot that was asked for. */
  readonly slot: BatchPlace | null;
  /** What the script answered besides. */
  readonly rest: readonly Reply[];
}

export function topOf(reply: Reply): Top {
  const [top, ring, ...rest] = listOf(reply);
  const place = bytesOrNull(ring);
  return {
    head: decodeHead(bytesOf(top)),
    slot: place === null ? null : readPlace(place),
    rest,
  };
}

/** Whether the batch is surely not in the history: if others have taken its slot since, nobody can tell. */
export function isOtherHistory({ head, slot }: Top, asked: BatchPlace): boolean {
  if (head.index < asked.index) return true;
  return slot?.index === asked.index && slot.batchId !== asked.batchId;
}

function unexpected(): BackendError {
  return new BackendError("corrupt", "Redis answers what the backend's script does not");
}
