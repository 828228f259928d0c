// Reads without a round: a follower that has heard a leader refuses votes to others for an election timeout, so a leader that
// a quorum has answered knows for how long, counted from when it asked, nobody else can have been elected.
// Clocks run at different rates; the configured bound on that difference shortens the lease. Source: Raft thesis 6.4.1.

import { type Millis, toMillis } from "../../proto/ids.ts";

interface Round {
  readonly round: number;
  /** When it first left. */
  readonly sentMs: Millis;
}

/** Rounds whose answers are outstanding; older ones are forgotten, and only make the lease shorter. */
const roundsKept = 64;

export class Lease {
  readonly #durationMs: number;
  /** Those that a quorum has not answered yet, oldest first. */
  #rounds: Round[] = [];
  /** Answered or not: a round that is carried once more counts from when it first left. */
  #newest: Round | null = null;
  #untilMs: number = Number.NEGATIVE_INFINITY;
  #isRevoked = false;

  /** @param clockRateErrorMax how much faster, as a share, one member's clock may run than another's */
  constructor(electionTimeoutMs: number, clockRateErrorMax: number) {
    this.#durationMs = electionTimeoutMs / (1 + clockRateErrorMax);
  }

  /** A beat with this round leaves; only the first of a round counts. */
  carried(round: number, nowMs: Millis): void {
    if (this.#newest !== null && this.#newest.round >= round) return;
    this.#newest = { round, sentMs: nowMs };
    this.#rounds.push(this.#newest);
    if (this.#rounds.length > roundsKept) this.#rounds.shift();
  }

  /** Whether the newest round has left before this moment: then the next beat begins another. */
  isOlder(nowMs: Millis): boolean {
    return this.#newest !== null && this.#newest.sentMs < nowMs;
  }

  /** A quorum has answered every round up to this one. */
  confirmed(round: number): void {
    while (this.#rounds[0] !== undefined && this.#rounds[0].round <= round) {
      const { sentMs } = this.#rounds.shift() as { sentMs: Millis };
      this.#untilMs = Math.max(this.#untilMs, sentMs + this.#durationMs);
    }
  }

  /** No read is served by it any more in this term. */
  revoke(): void {
    this.#isRevoked = true;
  }

  holds(nowMs: Millis): boolean {
    return !this.#isRevoked && nowMs < toMillis(this.#untilMs);
  }
}
