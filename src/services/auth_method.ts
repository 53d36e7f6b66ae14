/** A method of etcdserverpb.Auth that is one command to the writer. */
import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { CallPermit } from "../auth/call_permit.ts";
import type { AtRevision } from "../auth/command.ts";
import type { Passwords } from "../auth/passwords.ts";
import { EtcdError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Command } from "../mvcc/read_set.ts";
import type { Method } from "../transport/call.ts";
import { decode, encode, type ServiceOptions } from "./service.ts";

export interface AuthServiceOptions extends ServiceOptions {
  readonly passwords: Passwords;
  readonly log: Log;
}

/** The size of a request's entry in etcd's log beyond the request's own. */
const ENTRY_OVERHEAD_BYTES = 19;

/**
 * A method that is one command; the answer holds what the command answers. As in etcd the token is looked at first, then the
 * size, then whether the caller may ask.
 */
export function authMethod<
  Request extends DescMessage,
  Response extends DescMessage,
  Answer extends AtRevision,
>(
  { store, header, authority, requestBytesMax }: AuthServiceOptions,
  types: { readonly request: Request; readonly response: Response },
  makeCommand: (
    request: MessageShape<Request>,
    permit: CallPermit,
  ) => Command<Answer> | Promise<Command<Answer>>,
): Method {
  return {
    kind: "unary",
    async handle(bytes, call) {
      const request = decode(types.request, bytes);
      const permit = await authority.permit(call);
      if (bytes.length + ENTRY_OVERHEAD_BYTES > requestBytesMax) {
        throw new EtcdError("requestTooLarge");
      }
      const command = await makeCommand(request, permit);
      const held = { ...command, bytes: command.bytes + bytes.length };
      const { revision, ...answer } = await store.submit(held);
      // What commands answer is named as the fields are.
      const message = { header: header.message(revision), ...answer };
      return encode(types.response, message as unknown as MessageInitShape<Response>);
    },
  };
}
