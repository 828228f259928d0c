// How long the right to run a group's application may be held at the longest, as the manager of the group knows it on its own
// monotonic clock (D2). The holder counts from when it sent the renewal that was answered, and gives the right up when
// TTL x (1 - rho) have passed on its clock; the manager counts from when it answered, and re-grants no sooner than
// TTL x (1 + rho) after that on its own. Each clock runs at a rate within rho of true time, so that the holder has stopped
// before anybody else begins.
//
// A manager that takes over knows nothing of what the ones before it have answered. Whatever they did, they answered before a
// quorum had elected this one, for each answer needs a round of confirmation: it counts from its own first commit.

import type { Epoch, Millis } from "../../proto/ids.ts";
import type { LeaseTerms } from "../../proto/policies.ts";

export class OwnerRights {
  /** Since when this manager knows of everything that is answered; null: it does not manage yet. */
  #sinceMs: Millis | null = null;
  /** The newest renewal that was answered, and of which epoch; the assignment itself counts as one. */
  #last: { readonly epoch: Epoch; readonly atMs: Millis } | null = null;
  #renewed: Epoch | null = null;
  /** The holder has said under this epoch that it has stopped. */
  #released: Epoch | null = null;

  /** The first entry of this manager's term is applied. */
  begin(nowMs: Millis): void {
    this.#sinceMs ??= nowMs;
  }

  /** The epoch is assigned, as far as is applied here: its holder may hear of it from now on. */
  assigned(epoch: Epoch, nowMs: Millis): void {
    if (this.#last === null || this.#last.epoch < epoch) this.#last = { epoch, atMs: nowMs };
  }

  /** A renewal of the right is answered at this moment. */
  answered(epoch: Epoch, nowMs: Millis): void {
    this.#last = { epoch, atMs: nowMs };
    this.#renewed = epoch;
  }

  /** This manager has answered a renewal of this epoch. */
  isRenewed(epoch: Epoch): boolean {
    return this.#renewed === epoch;
  }

  /** The holder has stopped, and will not act under this epoch again. */
  released(epoch: Epoch): void {
    this.#released = epoch;
  }

  isReleased(epoch: Epoch): boolean {
    return this.#released === epoch;
  }

  /**
   * From when on nobody can hold the right of this epoch, the group's newest.
   *
   * @param lease terms of the epoch
   * @returns null: this manager cannot tell yet, or no time ends it
   */
  endsMs(epoch: Epoch, { ttlMs, clockRateError, isEndless }: LeaseTerms): Millis | null {
    if (this.#sinceMs === null || isEndless) return null;
    const lastMs = this.#last?.epoch === epoch ? this.#last.atMs : this.#sinceMs;
    return (lastMs + ttlMs * (1 + clockRateError)) as Millis;
  }
}
