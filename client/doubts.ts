// Whether a write under an identity may have happened. Once it may have, its repetitions keep the identity, and no failure but
// one of the group itself says that it has not.

import type { RequestId } from "../proto/gen/bailiwick/v1/common_pb.ts";
import type { ClientError, ClientFailure } from "./unreachable-error.ts";

/** Named by a failure of a session that the group does not know. */
export const expiredField = "request_id.session";

/** Named by a failure of a lease that the group does not know. */
export const leaseField = "lease";

/** The group has looked at the request itself, and refused it for good. */
const settling: ReadonlySet<string> = new Set(["condition_failed", "fenced", "txn_conflict", "already_exists"]);

export class Doubts {
  /** The failure that left the outcome open. */
  #first: ClientError | null = null;
  #isRenewed = false;

  get areThere(): boolean {
    return this.#first !== null;
  }

  /** Takes a failed attempt into account. @returns whether to try again as if it were a read */
  mayRepeat(requestId: RequestId | undefined, error: ClientError): boolean {
    if (requestId === undefined) return false;
    const { code, effect, details }: ClientFailure = error;
    if (settling.has(code) || details.field === leaseField) this.#first = null;
    else if (effect === "unknown") this.#first ??= error;
    const isLost = details.field?.startsWith("request_id.") === true || code === "compacted";
    return this.#first !== null && !isLost;
  }

  /** @returns whether this is the first time */
  renewOnce(): boolean {
    const isFirst = !this.#isRenewed;
    this.#isRenewed = true;
    return isFirst;
  }

  /** What the caller is told of a failed call. */
  tell(error: ClientError): ClientError {
    return error.effect === "unknown" ? error : (this.#first ?? error);
  }
}
