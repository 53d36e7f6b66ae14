/** v3lockpb.Lock. */
import {
  Lock,
  LockRequestSchema,
  LockResponseSchema,
  UnlockRequestSchema,
  UnlockResponseSchema,
} from "../../gen/v3lockpb/lock_pb.ts";
import { lock, unlock } from "../concurrency/mutex.ts";
import { OwnCalls, withoutCodes } from "../concurrency/own_calls.ts";
import type { MethodTable } from "../transport/call.ts";
import { pathOf, type ServiceMethods, unary } from "./service.ts";

/** @param methods those of the KV, Lease and Watch services */
export function lockMethods(methods: MethodTable): ServiceMethods {
  return [
    [
      pathOf(Lock, "Lock"),
      unary(
        { request: LockRequestSchema, response: LockResponseSchema },
        (request, context) => withoutCodes(() => lock(new OwnCalls(methods, context), request)),
      ),
    ],
    [
      pathOf(Lock, "Unlock"),
      unary(
        { request: UnlockRequestSchema, response: UnlockResponseSchema },
        ({ key }, context) => withoutCodes(() => unlock(new OwnCalls(methods, context), key)),
      ),
    ],
  ];
}
