// What the program ends with, for scripts. Documented in `bailiwick --help`.

import type { ClientErrorCode, ClientFailure } from "../unreachable-error.ts";

export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  /** Something named does not exist, or a condition did not hold. */
  condition: 3,
  /** A change may or may not have happened. */
  unknown: 4,
  /** Nothing answered, or not enough of it; trying again later may help. */
  unavailable: 5,
  /** The lock was lost while the program that it was for ran. */
  lost: 6,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const byCode = {
  invalid_argument: exitCodes.usage,
  not_found: exitCodes.condition,
  already_exists: exitCodes.condition,
  condition_failed: exitCodes.condition,
  fenced: exitCodes.condition,
  compacted: exitCodes.condition,
  future_revision: exitCodes.condition,
  txn_conflict: exitCodes.unavailable,
  not_leader: exitCodes.unavailable,
  no_leader: exitCodes.unavailable,
  no_quorum: exitCodes.unavailable,
  stopping: exitCodes.unavailable,
  quarantined: exitCodes.unavailable,
  overloaded: exitCodes.unavailable,
  outcome_unknown: exitCodes.unavailable,
  deadline: exitCodes.unavailable,
  unreachable: exitCodes.unavailable,
  canceled: exitCodes.failed,
  corrupt: exitCodes.failed,
  unimplemented: exitCodes.failed,
  internal: exitCodes.failed,
} as const satisfies Record<ClientErrorCode, ExitCode>;

/** @param isWrite whether the command changes something: what a read did is never unknown */
export function exitCodeOf({ code, effect }: ClientFailure, { isWrite }: { readonly isWrite: boolean }): ExitCode {
  return isWrite && effect === "unknown" ? exitCodes.unknown : byCode[code];
}
