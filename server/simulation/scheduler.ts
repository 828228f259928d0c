// Virtual time: a queue of events that runs them in order of time, and in order of arrival within one microsecond. Nothing
// else in a simulation decides what happens next, so one seed gives one history.

import { assert } from "../../proto/assert.ts";

/** More events than this without a step of the clock mean that something calls itself for ever. */
const eventsAtOnceMax = 200_000;

interface Event {
  readonly atUs: number;
  readonly sequence: number;
  run: (() => void) | null;
}

/** An event that has not run yet. */
export interface Scheduled {
  /** Does nothing once the event has run. */
  cancel(): void;
}

/** Time is kept in whole microseconds since the start of the world and told in milliseconds. */
export class Scheduler {
  readonly #heap: Event[] = [];
  #nowUs = 0;
  #sequence = 0;
  #ran = 0;
  #ranAtOnce = 0;

  get nowMs(): number {
    return this.#nowUs / 1000;
  }

  /** Events run since the start of the world. */
  get ran(): number {
    return this.#ran;
  }

  /** @param atMs rounded up to a microsecond; the past counts as now, after everything that already waits for now */
  at(atMs: number, run: () => void): Scheduled {
    const atUs = Math.max(this.#nowUs, Math.ceil(atMs * 1000));
    const event: Event = { atUs, sequence: this.#sequence++, run };
    this.#push(event);
    return { cancel: () => (event.run = null) };
  }

  /** @param delayMs 0 or more */
  after(delayMs: number, run: () => void): Scheduled {
    return this.at(this.nowMs + delayMs, run);
  }

  /** Runs everything up to and including `untilMs`, and leaves the clock there. */
  runUntil(untilMs: number): void {
    const untilUs = Math.floor(untilMs * 1000);
    for (let next = this.#heap[0]; next !== undefined && next.atUs <= untilUs; next = this.#heap[0]) {
      this.#pop();
      if (next.run !== null) this.#execute(next.atUs, next.run);
    }
    this.#nowUs = Math.max(this.#nowUs, untilUs);
  }

  #execute(atUs: number, run: () => void): void {
    this.#ranAtOnce = atUs === this.#nowUs ? this.#ranAtOnce + 1 : 0;
    assert(this.#ranAtOnce < eventsAtOnceMax, () => `Virtual time stands still at ${this.nowMs} ms`);
    this.#nowUs = atUs;
    this.#ran += 1;
    run();
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt] as Event;
      if (!isBefore(event, parent)) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as Event)) child += 1;
      const smallest = heap[child] as Event;
      if (!isBefore(smallest, last)) break;
      heap[at] = smallest;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(left: Event, right: Event): boolean {
  return left.atUs < right.atUs || (left.atUs === right.atUs && left.sequence < right.sequence);
}
