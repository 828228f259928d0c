// How long a guard may leave a sign of life unanswered: seconds as a rule, and much less when a right is about to end, for then
// whoever takes its place has to have killed everything before that. Pure.

import { agentLimits } from "./agent-limits.ts";
import type { Right } from "./run-spec.ts";

export class GuardWatch {
  /** When the oldest sign of life was given that is not answered, later by what does not count; null: there is none. */
  #askedMs: number | null = null;
  #lastMs = 0;

  asked(nowMs: number): void {
    // Where this process has stood still the machine may have, and the guard with it. One that is slow all the time judges late.
    const uncountedMs = Math.max(0, nowMs - this.#lastMs - agentLimits.silenceMs);
    this.#askedMs = this.#askedMs === null ? nowMs : this.#askedMs + uncountedMs;
    this.#lastMs = nowMs;
  }

  heard(): void {
    this.#askedMs = null;
  }

  /** @param rights of what may run */
  isHung(nowMs: number, rights: readonly Right[]): boolean {
    return this.#askedMs !== null && nowMs - this.#askedMs >= patienceMs(nowMs, rights);
  }
}

/** Until the next sign of life: often enough that the end of a right is not missed. */
export function beatPauseMs(nowMs: number, rights: readonly Right[]): number {
  const urgentMs = Math.min(...hurrying(nowMs, rights).map(urgentAtMs));
  if (nowMs >= urgentMs) return agentLimits.urgentBeatMs;
  return Math.max(agentLimits.urgentBeatMs, Math.min(agentLimits.beatMs, urgentMs - nowMs));
}

function patienceMs(nowMs: number, rights: readonly Right[]): number {
  const urgent = hurrying(nowMs, rights).filter((right) => nowMs >= urgentAtMs(right));
  if (urgent.length === 0) return agentLimits.guardPatienceMs;
  // Three quarters of what is left are for stopping and killing.
  const leftMs = Math.min(...urgent.map(({ killAtMs }) => killAtMs - agentLimits.killLeadMs - nowMs)) / 4;
  return Math.max(agentLimits.urgentPatienceMs, Math.min(agentLimits.silenceMs, leftMs));
}

/** Nothing is gained in time any more for one that is over: what runs then is what could not be killed. */
function hurrying(nowMs: number, rights: readonly Right[]): readonly Right[] {
  return rights.filter(({ killAtMs }) => nowMs <= killAtMs + agentLimits.rightOverMs);
}

/** Stopping begins; or, where it has no time of its own, killing is near. */
function urgentAtMs({ stopAtMs, killAtMs }: Right): number {
  return Math.min(stopAtMs, killAtMs - agentLimits.urgentMs);
}
