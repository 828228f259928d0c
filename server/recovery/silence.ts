// Which of the watched peers have fallen silent. Nodes wait in three queues, heard or awaited -> suspect -> silent, each
// ordered by the moment they were last heard, so that the next deadline is at the head of a queue, whatever their number.
// It counts silence only: what a beat is, and over which paths, is the caller's matter (D7).

import { assert } from "../../proto/assert.ts";
import { compareNames, type Millis, type NodeId, toMillis } from "../../proto/ids.ts";

/**
 * - `heard`: less than `suspectMs` ago.
 * - `suspect`: for `suspectMs` or more, but less than `downMs`, nothing was heard.
 * - `silent`: for `downMs` or more nothing was heard.
 * - `unknown`: not watched, or watched for less than `suspectMs` and not heard yet. No ground for any verdict.
 */
export type Hearing = "heard" | "suspect" | "silent" | "unknown";

export interface SilenceOptions {
  /** Above 0. */
  readonly suspectMs: number;
  /** Above `suspectMs`. */
  readonly downMs: number;
}

interface Watched {
  /** When it was last heard, or when the watch began, with what is discounted since. */
  readonly sinceMs: Millis;
  readonly isHeard: boolean;
}

type Queue = Map<NodeId, Watched>;

/** Every method that takes a time takes one that never goes back. */
export class SilenceDetector {
  readonly #options: SilenceOptions;
  readonly #fresh: Queue = new Map();
  readonly #suspect: Queue = new Map();
  readonly #silent: Queue = new Map();
  #nowMs: Millis = toMillis(0);

  constructor(options: SilenceOptions) {
    assert(options.suspectMs > 0, () => `suspectMs is ${options.suspectMs}`);
    assert(options.downMs > options.suspectMs, () => `downMs ${options.downMs} <= suspectMs ${options.suspectMs}`);
    this.#options = options;
  }

  /** The time has come to this, whether or not a node is asked about: what was due by then is due no more. */
  advance(nowMs: Millis): void {
    assert(nowMs >= this.#nowMs, () => `Time went back from ${this.#nowMs} to ${nowMs}`);
    this.#nowMs = nowMs;
    move(this.#fresh, this.#suspect, { nowMs, afterMs: this.#options.suspectMs });
    move(this.#suspect, this.#silent, { nowMs, afterMs: this.#options.downMs });
  }

  /** Begins to watch `node`; its silence counts from now on, not from before. Of a watched node it changes nothing. */
  watchFrom(node: NodeId, nowMs: Millis): void {
    this.advance(nowMs);
    if (!this.#isWatched(node)) this.#fresh.set(node, { sinceMs: nowMs, isHeard: false });
  }

  /** Passes over a node that is not watched: what it said before the watch says nothing about its silence later. */
  heard(node: NodeId, nowMs: Millis): void {
    this.advance(nowMs);
    if (!this.#isWatched(node)) return;
    this.forget(node);
    this.#fresh.set(node, { sinceMs: nowMs, isHeard: true });
  }

  /** Ends the watch of `node`, whose verdict is `unknown` from then on. */
  forget(node: NodeId): void {
    this.#fresh.delete(node);
    this.#suspect.delete(node);
    this.#silent.delete(node);
  }

  /** For so long, up to now, nobody could be heard: that is no silence. Before any method is given the time that it is now. */
  discount(deafMs: number): void {
    for (const queue of [this.#fresh, this.#suspect, this.#silent]) {
      for (const [node, { sinceMs, isHeard }] of queue)
        queue.set(node, { sinceMs: toMillis(sinceMs + deafMs), isHeard });
    }
  }

  verdict(node: NodeId, nowMs: Millis): Hearing {
    this.advance(nowMs);
    if (this.#silent.has(node)) return "silent";
    if (this.#suspect.has(node)) return "suspect";
    return this.#fresh.get(node)?.isHeard === true ? "heard" : "unknown";
  }

  /** Watched nodes that are silent, by name. */
  silent(nowMs: Millis): NodeId[] {
    this.advance(nowMs);
    return [...this.#silent.keys()].toSorted(compareNames);
  }

  /**
   * When the next verdict changes if nothing is heard until then; later than the newest time given to any method.
   *
   * @returns null when all that is watched is silent
   */
  deadlineMs(): Millis | null {
    const suspectAt = headMs(this.#fresh, this.#options.suspectMs);
    const silentAt = headMs(this.#suspect, this.#options.downMs);
    if (suspectAt === null || silentAt === null) return suspectAt ?? silentAt;
    return toMillis(Math.min(suspectAt, silentAt));
  }

  #isWatched(node: NodeId): boolean {
    return this.#fresh.has(node) || this.#suspect.has(node) || this.#silent.has(node);
  }
}

/**
 * Nodes join a queue in the order of `sinceMs`, so what has to move stands in front. Compares the very sum that `deadlineMs`
 * has told: with fractions of milliseconds another form of it may round differently, and the deadline would never pass.
 */
function move(from: Queue, to: Queue, due: { readonly nowMs: Millis; readonly afterMs: number }): void {
  for (const [node, watched] of from) {
    if (watched.sinceMs + due.afterMs > due.nowMs) return;
    from.delete(node);
    to.set(node, watched);
  }
}

function headMs(queue: Queue, afterMs: number): Millis | null {
  for (const { sinceMs } of queue.values()) return toMillis(sinceMs + afterMs);
  return null;
}
