/** What a Worker sends is taken for a message only if it has a message's form: the module can send as well as the frame. */

import {
  BrokenPromise,
  type Fields,
  finiteNumber,
  listIn,
  nameOf,
  text,
  truth,
  wholeNumber,
} from "./checked_shapes.ts";
import type { Exports, Failure, FromWorker } from "./protocol.ts";

type TypeOf<Message> = Message extends { readonly type: infer Type extends string } ? Type : never;
type Readers = {
  readonly [Type in TypeOf<FromWorker>]: (
    fields: Fields,
  ) => Omit<FromWorker & { readonly type: Type }, "type">;
};

/** Type → the rest of its message; what it does not have is left behind. */
const READERS: Readers = {
  ready: () => ({}),
  loaded: ({ exports }) => ({ exports: exportsIn(exports) }),
  unloadable: ({ message }) => ({ message: text(message, "a message's reason") }),
  answer: ({ id, value, failure, statements }) => ({
    id: idIn(id),
    value,
    ...(failure === undefined ? {} : { failure: failureIn(failure) }),
    ...(statements === undefined ? {} : {
      statements: listIn(statements, "a message's statements"),
    }),
  }),
  wake: ({ id }) => ({ id: idIn(id) }),
  log: ({ level, message, fields }) => ({
    level: text(level, "a line's level"),
    message: text(message, "a line's message"),
    fields: objectIn(fields, "a line's fields"),
  }),
  beat: ({ bytes }) => ({ bytes: finiteNumber(bytes, "a beat's size") }),
  dying: ({ reason }) => ({ reason: text(reason, "a message's reason") }),
};

/** @throws {BrokenPromise} if it is no message of a Worker */
export function messageFrom(data: unknown): FromWorker {
  const fields = objectIn(data, "a message");
  const { type } = fields;
  if (typeof type !== "string" || !Object.hasOwn(READERS, type)) {
    throw new BrokenPromise(`a message's type is ${nameOf(type)}, which is none`);
  }
  const known = type as keyof Readers;
  // Its reader gives what belongs to the type.
  return { ...READERS[known](fields), type: known } as FromWorker;
}

function objectIn(value: unknown, what: string): Fields {
  if (typeof value === "object" && value !== null) return value as Fields;
  throw new BrokenPromise(`${what} is ${nameOf(value)}, not an object`);
}

function idIn(id: unknown): number {
  return wholeNumber(id, { what: "a message's id" });
}

function exportsIn(value: unknown): Exports {
  const { contractVersion, hasOpen, hasRemove } = objectIn(value, "a message's exports");
  return {
    contractVersion,
    hasOpen: truth(hasOpen, "a message's hasOpen"),
    hasRemove: truth(hasRemove, "a message's hasRemove"),
  };
}

function failureIn(value: unknown): Failure {
  const { kind, message } = objectIn(value, "a message's failure");
  return {
    kind: kind === null ? null : text(kind, "a failure's kind"),
    message: text(message, "a failure's message"),
  };
}
