// Named counts of what happened in one process. Read by metrics and tests; they decide nothing.

import { assert } from "../../proto/assert.ts";
import { adapterLimits } from "./adapter-limits.ts";

export class Counters {
  readonly #counts = new Map<string, number>();

  add(name: string, amount = 1): void {
    const count = this.#counts.get(name);
    const { counterNamesMax } = adapterLimits;
    assert(count !== undefined || this.#counts.size < counterNamesMax, () => `counter ${name} is one too many`);
    this.#counts.set(name, (count ?? 0) + amount);
  }

  /** 0 for a name that was never counted. */
  get(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** All counts, by name. */
  entries(): readonly (readonly [name: string, count: number])[] {
    return [...this.#counts].sort(([left], [right]) => (left < right ? -1 : 1));
  }
}
