// Tells a peer that is merely quiet from a connection that no longer reaches it. TCP alone may take a quarter of an hour
// to notice, and then answers to nobody for two minutes after the network is whole again.
// Pure: time is a parameter.

export type SilenceVerdict = "fine" | "probe" | "dead";

export class Silence {
  readonly #limitMs: number;
  /** Since when the peer is to be heard; null: it owes nothing. */
  #owedSinceMs: number | null = null;
  #probedAtMs: number | null = null;

  /** @param limitMs silence before a probe, and again before the connection is given up */
  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** Something was sent to it, or it is to be there. */
  owes(nowMs: number): void {
    this.#owedSinceMs ??= nowMs;
  }

  heard(): void {
    this.#owedSinceMs = null;
    this.#probedAtMs = null;
  }

  /** Forgets what was seen: after a stall of this process, silence says nothing about the peer. */
  restart(nowMs: number): void {
    if (this.#owedSinceMs !== null) this.#owedSinceMs = nowMs;
    if (this.#probedAtMs !== null) this.#probedAtMs = nowMs;
  }

  /** After `probe` the caller sends one. */
  check(nowMs: number): SilenceVerdict {
    if (this.#probedAtMs !== null) return nowMs - this.#probedAtMs >= this.#limitMs ? "dead" : "fine";
    if (this.#owedSinceMs === null || nowMs - this.#owedSinceMs < this.#limitMs) return "fine";
    this.#probedAtMs = nowMs;
    return "probe";
  }
}
