// The one error that callers see, with its closed table of codes. Cores return values instead of throwing; the codes are
// carried to gRPC by server/api and back by client. `effect` says whether a write may have happened: it alone decides what
// a client may retry, never the text.

export type Effect = "none" | "unknown";

type CodeTraits = { readonly effect: Effect; readonly retry: "never" | "elsewhere" | "later" };

export const errorCodes = {
  /** A field is missing, malformed or beyond its limit; the message names the field, the value and the limit. */
  invalid_argument: { effect: "none", retry: "never" },
  not_found: { effect: "none", retry: "never" },
  already_exists: { effect: "none", retry: "never" },
  condition_failed: { effect: "none", retry: "never" },
  txn_conflict: { effect: "none", retry: "later" },
  fenced: { effect: "none", retry: "never" },
  /** This node does not lead the group; `leader` is a hint. */
  not_leader: { effect: "none", retry: "elsewhere" },
  /** The group has no leader that this node knows of, yet a quorum may exist. */
  no_leader: { effect: "none", retry: "later" },
  /** Too few owners of the group answer; `missing` names those that do not. */
  no_quorum: { effect: "none", retry: "later" },
  /** The node is shutting down. */
  stopping: { effect: "none", retry: "elsewhere" },
  /** The node's disk is in doubt: it answers nothing for its groups until it is readmitted. */
  quarantined: { effect: "none", retry: "elsewhere" },
  overloaded: { effect: "none", retry: "later" },
  /** The write was handed to the group and its fate is not known. */
  outcome_unknown: { effect: "unknown", retry: "never" },
  deadline: { effect: "unknown", retry: "never" },
  compacted: { effect: "none", retry: "never" },
  future_revision: { effect: "none", retry: "never" },
  canceled: { effect: "unknown", retry: "never" },
  /** What is stored cannot be trusted: a damaged file, or a group whose replicas differ and no state has a quorum. */
  corrupt: { effect: "none", retry: "never" },
  /** A call that a later release will answer; the message says what is missing. */
  unimplemented: { effect: "none", retry: "never" },
  internal: { effect: "unknown", retry: "never" },
} as const satisfies Record<string, CodeTraits>;

export type ErrorCode = keyof typeof errorCodes;

/** What a code may carry beyond its message; every field optional, names as in `google.rpc.ErrorInfo.metadata`. */
export interface ErrorDetails {
  readonly group?: string;
  readonly node?: string;
  readonly field?: string;
  /** Comma-separated node names that do not answer. */
  readonly missing?: string;
  readonly leader?: string;
  /** Decimal revision: the compaction floor, or the newest revision. */
  readonly revision?: string;
  readonly key?: string;
}

/** An answer to a caller. As plain data it is what a core puts in a reply; {@link DbError} is its thrown form. */
export interface Failure {
  readonly code: ErrorCode;
  /** Sentence case, no full stop, with the value and the limit. */
  readonly message: string;
  readonly details: ErrorDetails;
  readonly effect: Effect;
}

/** Makes a failure; `effect` defaults to the table's for the code. */
export function failure(code: ErrorCode, message: string, details: ErrorDetails = {}, effect?: Effect): Failure {
  return { code, message, details, effect: effect ?? errorCodes[code].effect };
}

export class DbError extends Error implements Failure {
  override readonly name = "DbError";
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
  readonly effect: Effect;

  constructor(reason: Failure, cause?: unknown) {
    super(reason.message, cause === undefined ? undefined : { cause });
    this.code = reason.code;
    this.details = reason.details;
    this.effect = reason.effect;
  }

  /** Maps anything caught: a `DbError` is itself, the rest becomes `internal`. */
  static from(reason: unknown): DbError {
    if (reason instanceof DbError) return reason;
    const message = reason instanceof Error ? reason.message : String(reason);
    return new DbError(failure("internal", message), reason);
  }
}
