// When a group's leader compares the replicas, and what one comparison has gathered. It is at one exact index: answers at
// another one, or of a member that is gone, count nothing.

import { type LogIndex, type MemberId, type Millis, type NodeId, toMillis } from "../../proto/ids.ts";
import type { Voter } from "../../proto/membership.ts";
import type { StateHashes } from "../../proto/model.ts";
import { type Agreement, agreementOf } from "../recovery/state-agreement.ts";
import { limits } from "./limits.ts";
import { earliest } from "./millis.ts";

interface Attempt {
  readonly index: LogIndex;
  /** With the number of the member that gave it: founders share one. */
  readonly answers: Map<NodeId, { readonly member: MemberId; readonly hash: string }>;
  readonly untilMs: Millis;
}

type Answerer = Pick<Voter, "node" | "member">;

export interface Finding extends Agreement {
  readonly hashes: StateHashes;
}

/** Of one leadership. */
export class StateCheck {
  #attempt: Attempt | null = null;
  /** Attempts in a row that somebody has not answered, since one of them found a dispute. */
  #unsure = 0;
  /** null: nothing was applied yet in this leadership. */
  #nextMs: Millis | null = null;
  #notBeforeMs: Millis | null = null;

  /** An entry of this leadership was applied: the state is one that was not compared yet. */
  changed(nowMs: Millis): void {
    this.#nextBy(toMillis(Math.max(nowMs, this.#notBeforeMs ?? nowMs)));
  }

  deadlineMs(): Millis | null {
    return this.#attempt?.untilMs ?? this.#nextMs;
  }

  isDue(nowMs: Millis): boolean {
    return this.#attempt === null && this.#nextMs !== null && this.#nextMs <= nowMs;
  }

  begin(index: LogIndex, nowMs: Millis): void {
    this.#nextMs = null;
    this.#notBeforeMs = toMillis(nowMs + limits.stateCheckIntervalMs);
    this.#attempt = { index, answers: new Map(), untilMs: toMillis(nowMs + limits.stateAnswerMs) };
  }

  /** It cannot be done now: the members are just changing. */
  postpone(nowMs: Millis): void {
    this.#attempt = null;
    this.#nextMs = toMillis(nowMs + limits.stateCheckRetryMs);
  }

  /** Something is amiss that the next comparison may end. */
  soon(nowMs: Millis): void {
    this.#nextBy(toMillis(nowMs + limits.stateCheckRetryMs));
  }

  answered({ node, member }: Answerer, index: LogIndex, hash: string): void {
    if (this.#attempt?.index === index) this.#attempt.answers.set(node, { member, hash });
  }

  /**
   * What the attempt has found; null while answers may still come.
   *
   * @param replicas all that hold data
   */
  conclude(replicas: readonly Voter[], nowMs: Millis): Finding | null {
    const attempt = this.#attempt;
    if (attempt === null) return null;
    const known = replicas.map(({ node, votes, member }) => {
      const answer = attempt.answers.get(node);
      return { node, votes, hash: answer?.member === member ? answer.hash : null };
    });
    const agreement = agreementOf(known);
    const { type, silent } = agreement;
    if (silent.length > 0 && nowMs < attempt.untilMs) return null;
    this.#attempt = null;
    const isUnsure = silent.length > 0 && (type === "disputed" || (type === "open" && this.#unsure > 0));
    if (isUnsure && ++this.#unsure < limits.stateAttemptsMax) {
      this.#nextMs = nowMs;
      return null;
    }
    this.#schedule(agreement, nowMs);
    this.#unsure = 0;
    const hashes = known.flatMap(({ node, hash }) => (hash === null ? [] : [{ node, hash }]));
    return { ...agreement, hashes: { index: attempt.index, hashes } };
  }

  /** Whoever has not answered may be the one that decides a dispute. */
  #schedule({ type, differing, silent }: Agreement, nowMs: Millis): void {
    const isAmiss = type === "disputed" || differing.length > 0 || this.#unsure > 0;
    const soonMs = isAmiss ? limits.stateCheckRetryMs : limits.stateCheckIntervalMs;
    this.#nextBy(toMillis(nowMs + (isAmiss || silent.length > 0 ? soonMs : limits.stateCheckIdleMs)));
  }

  #nextBy(atMs: Millis): void {
    this.#nextMs = earliest(this.#nextMs, atMs);
  }
}
