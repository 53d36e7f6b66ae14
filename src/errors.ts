/**
 * etcd's error codes and texts: one table. Clients match on the text, so it is API to the letter
 * (source: etcd's `api/v3rpc/rpctypes/error.go`).
 */

/** gRPC status codes, as numbers on the wire. */
export const GRPC = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** Name → code and text. */
const ETCD_ERRORS = {
  emptyKey: [GRPC.INVALID_ARGUMENT, "etcdserver: key is not provided"],
  keyNotFound: [GRPC.INVALID_ARGUMENT, "etcdserver: key not found"],
  valueProvided: [GRPC.INVALID_ARGUMENT, "etcdserver: value is provided"],
  leaseProvided: [GRPC.INVALID_ARGUMENT, "etcdserver: lease is provided"],
  tooManyOps: [GRPC.INVALID_ARGUMENT, "etcdserver: too many operations in txn request"],
  duplicateKey: [GRPC.INVALID_ARGUMENT, "etcdserver: duplicate key given in txn request"],
  invalidClientApiVersion: [GRPC.INVALID_ARGUMENT, "etcdserver: invalid client api version"],
  invalidSortOption: [GRPC.INVALID_ARGUMENT, "etcdserver: invalid sort option"],
  compacted: [GRPC.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted"],
  futureRevision: [GRPC.OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision"],
  noSpace: [GRPC.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded"],
  requestTooLarge: [GRPC.INVALID_ARGUMENT, "etcdserver: request is too large"],
  leaseNotFound: [GRPC.NOT_FOUND, "etcdserver: requested lease not found"],
  leaseExists: [GRPC.FAILED_PRECONDITION, "etcdserver: lease already exists"],
  leaseTtlTooLarge: [GRPC.OUT_OF_RANGE, "etcdserver: too large lease TTL"],
  memberNotFound: [GRPC.NOT_FOUND, "etcdserver: member not found"],
  // etcd gives this one no code of its own.
  notEnoughStartedMembers: [
    GRPC.UNKNOWN,
    "etcdserver: re-configuration failed due to not enough started members",
  ],
  badMemberUrls: [GRPC.INVALID_ARGUMENT, "etcdserver: given member URLs are invalid"],
  notLearner: [GRPC.FAILED_PRECONDITION, "etcdserver: can only promote a learner member"],
  badLeaderTransferee: [GRPC.FAILED_PRECONDITION, "etcdserver: bad leader transferee"],
  stopped: [GRPC.UNAVAILABLE, "etcdserver: server stopped"],
  timeout: [GRPC.UNAVAILABLE, "etcdserver: request timed out"],
  corrupt: [GRPC.DATA_LOSS, "etcdserver: corrupt cluster"],
  /** etcd sends this one as Unknown. */
  tooManyRequests: [GRPC.UNKNOWN, "etcdserver: too many requests"],
  rootUserNotFound: [GRPC.FAILED_PRECONDITION, "etcdserver: root user does not exist"],
  rootRoleNotFound: [GRPC.FAILED_PRECONDITION, "etcdserver: root user does not have root role"],
  userExists: [GRPC.FAILED_PRECONDITION, "etcdserver: user name already exists"],
  userEmpty: [GRPC.INVALID_ARGUMENT, "etcdserver: user name is empty"],
  userNotFound: [GRPC.FAILED_PRECONDITION, "etcdserver: user name not found"],
  roleExists: [GRPC.FAILED_PRECONDITION, "etcdserver: role name already exists"],
  roleNotFound: [GRPC.FAILED_PRECONDITION, "etcdserver: role name not found"],
  roleEmpty: [GRPC.INVALID_ARGUMENT, "etcdserver: role name is empty"],
  authFailed: [
    GRPC.INVALID_ARGUMENT,
    "etcdserver: authentication failed, invalid user ID or password",
  ],
  permissionNotGiven: [GRPC.INVALID_ARGUMENT, "etcdserver: permission not given"],
  permissionDenied: [GRPC.PERMISSION_DENIED, "etcdserver: permission denied"],
  roleNotGranted: [GRPC.FAILED_PRECONDITION, "etcdserver: role is not granted to the user"],
  permissionNotGranted: [
    GRPC.FAILED_PRECONDITION,
    "etcdserver: permission is not granted to the role",
  ],
  authNotEnabled: [GRPC.FAILED_PRECONDITION, "etcdserver: authentication is not enabled"],
  invalidAuthToken: [GRPC.UNAUTHENTICATED, "etcdserver: invalid auth token"],
  invalidAuthManagement: [GRPC.INVALID_ARGUMENT, "etcdserver: invalid auth management"],
  authOldRevision: [GRPC.INVALID_ARGUMENT, "etcdserver: revision of auth store is old"],
  /** etcd has no text of its own for these two on the wire. */
  noPasswordUser: [
    GRPC.UNKNOWN,
    "auth: authentication failed, password was given for no password user",
  ],
  verifyOnly: [GRPC.UNKNOWN, "auth: token signing attempted with verify-only key"],
  wrongDowngradeVersionFormat: [
    GRPC.INVALID_ARGUMENT,
    "etcdserver: wrong downgrade target version format",
  ],
  invalidDowngradeTargetVersion: [
    GRPC.INVALID_ARGUMENT,
    "etcdserver: invalid downgrade target version",
  ],
  downgradeInProcess: [
    GRPC.FAILED_PRECONDITION,
    "etcdserver: cluster has a downgrade job in progress",
  ],
} as const satisfies Record<string, readonly [code: number, text: string]>;

export type EtcdErrorName = keyof typeof ETCD_ERRORS;

/** A status that a call ends with: a gRPC code and a text for the client. */
export class StatusError extends Error {
  readonly code: number;
  constructor(code: number, text: string, options?: ErrorOptions) {
    super(text, options);
    this.name = "StatusError";
    this.code = code;
  }
}

/** A client's mistake or a known state, with etcd's code and text. */
export class EtcdError extends StatusError {
  readonly reason: EtcdErrorName;
  constructor(reason: EtcdErrorName, options?: ErrorOptions) {
    const [code, text] = ETCD_ERRORS[reason];
    super(code, text, options);
    this.name = "EtcdError";
    this.reason = reason;
  }
}

/** What an error says, for a line of the log. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
