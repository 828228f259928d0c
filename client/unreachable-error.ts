// No answer at all, as opposed to an answer that says no: the one failure that a client makes itself.

import { DbError, type ErrorCode, type Failure } from "../proto/errors.ts";

/** The codes of the schema, and `unreachable`: no connection, so nothing was sent and nothing happened. */
export type ClientErrorCode = ErrorCode | "unreachable";

/** What both kinds of error carry. */
export interface ClientFailure extends Omit<Failure, "code"> {
  readonly code: ClientErrorCode;
}

/** No connection to an endpoint could be made. Nothing was sent. */
export class UnreachableError extends Error implements ClientFailure {
  override readonly name = "UnreachableError";
  readonly code = "unreachable";
  readonly effect = "none";
  readonly details = {};
  /** `host:port` that did not answer. */
  readonly endpoint: string;

  constructor(endpoint: string, why: string) {
    super(`No connection to ${endpoint}: ${why}`);
    this.endpoint = endpoint;
  }
}

/** What every call throws. */
export type ClientError = DbError | UnreachableError;

/** An error of this library is itself; anything else becomes `internal`. */
export function toClientError(reason: unknown): ClientError {
  return reason instanceof UnreachableError ? reason : DbError.from(reason);
}
