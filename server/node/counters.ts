// Named counts of what happened on this node since its start.

export class Counters {
  readonly #counts = new Map<string, number>();

  /** Counts one more of `name`; names are written in the code, so their number is bounded. */
  count(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  entries(): readonly (readonly [name: string, value: number])[] {
    return [...this.#counts];
  }
}
