/** The errors that the model answers with: gRPC code and text, as clients see them. */

const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;
const FAILED_PRECONDITION = 9;
const OUT_OF_RANGE = 11;
const UNIMPLEMENTED = 12;

const ERRORS = {
  keyNotProvided: [INVALID_ARGUMENT, "etcdserver: key is not provided"],
  keyNotFound: [INVALID_ARGUMENT, "etcdserver: key not found"],
  valueProvided: [INVALID_ARGUMENT, "etcdserver: value is provided"],
  leaseProvided: [INVALID_ARGUMENT, "etcdserver: lease is provided"],
  tooManyOps: [INVALID_ARGUMENT, "etcdserver: too many operations in txn request"],
  duplicateKey: [INVALID_ARGUMENT, "etcdserver: duplicate key given in txn request"],
  invalidSort: [INVALID_ARGUMENT, "etcdserver: invalid sort option"],
  leaseNotFound: [NOT_FOUND, "etcdserver: requested lease not found"],
  leaseExists: [FAILED_PRECONDITION, "etcdserver: lease already exists"],
  ttlTooLarge: [OUT_OF_RANGE, "etcdserver: too large lease TTL"],
  compacted: [OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted"],
  futureRevision: [OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision"],
  streamSorted: [UNIMPLEMENTED, "RangeStream does not support custom sort orders"],
  streamFiltered: [UNIMPLEMENTED, "RangeStream does not support revision filters"],
} as const satisfies Record<string, readonly [code: number, details: string]>;

export type ModelErrorName = keyof typeof ERRORS;

export class ModelError extends Error {
  readonly code: number;
  readonly details: string;
  constructor(name: ModelErrorName) {
    const [code, details] = ERRORS[name];
    super(`${code}: ${details}`);
    this.name = "ModelError";
    this.code = code;
    this.details = details;
  }
}
