// Calls and returns of the operations that have no place yet, in the order of time: a doubly linked list, from which an
// operation is lifted when it is given a place, and into which it is put back when the search retreats (Wing & Gong).
//
//   call 0 · call 1 · return 0 · call 2 · return 1 · return 2      candidates for the next place: 0 and 1,
//                                                                  because 2 was called when 0 had returned
//
// Operations that never return are in no list: they hold nothing up.

/** The interval of an operation; `returned` is infinite when it never did. */
interface Interval {
  readonly invoked: number;
  readonly returned: number;
}

export class Timetable {
  /** By entry: operation `i` calls at `i` and returns at `size + i`; the head of the list is the last. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #size: number;
  readonly #head: number;

  /** @param intervals of all operations, in order of `invoked`. At one instant calls come before returns: nothing says who was first. */
  constructor(intervals: readonly Interval[]) {
    this.#size = intervals.length;
    this.#head = 2 * this.#size;
    // Every entry begins as a ring of its own. Those that stay so, in no list, are taken out and put back without effect.
    this.#next = Int32Array.from({ length: this.#head + 1 }, (_, entry) => entry);
    this.#previous = this.#next.slice();
    let last = this.#head;
    for (const entry of entriesInOrder(intervals)) {
      this.#previous[entry] = last;
      this.#next[entry] = this.#head;
      this.#insert(entry);
      last = entry;
    }
  }

  /** @returns the operation whose call is the first entry; null when that is a return, or nothing is left */
  first(): number | null {
    return this.#callAt(this.#following(this.#head));
  }

  /** @returns the next that was called before any other in the list returned */
  after(operation: number): number | null {
    return this.#callAt(this.#following(operation));
  }

  /** @returns the operation that returns first; null when the list is empty */
  firstToReturn(): number | null {
    let entry = this.#following(this.#head);
    while (entry < this.#size) entry = this.#following(entry);
    return entry === this.#head ? null : entry - this.#size;
  }

  lift(operation: number): void {
    this.#remove(operation);
    this.#remove(this.#size + operation);
  }

  /** Operations must be put back in the reverse order of their being lifted. */
  putBack(operation: number): void {
    this.#insert(this.#size + operation);
    this.#insert(operation);
  }

  #callAt(entry: number): number | null {
    return entry < this.#size ? entry : null;
  }

  #following(entry: number): number {
    return this.#next[entry] as number;
  }

  #remove(entry: number): void {
    const [next, previous] = [this.#next[entry] as number, this.#previous[entry] as number];
    this.#next[previous] = next;
    this.#previous[next] = previous;
  }

  #insert(entry: number): void {
    const [next, previous] = [this.#next[entry] as number, this.#previous[entry] as number];
    this.#next[previous] = entry;
    this.#previous[next] = entry;
  }
}

/** Merges the calls, which are in order, with the returns; those that have none are left out. */
function entriesInOrder(intervals: readonly Interval[]): readonly number[] {
  const endOf = (operation: number) => intervals[operation]?.returned ?? 0;
  const called = [...intervals.keys()].filter((operation) => endOf(operation) < Number.POSITIVE_INFINITY);
  const returning = called.toSorted((left, right) => endOf(left) - endOf(right));
  const entries: number[] = [];
  let next = 0;
  for (const operation of called) {
    const invoked = intervals[operation]?.invoked ?? 0;
    for (let ended = returning[next]; ended !== undefined && endOf(ended) < invoked; ended = returning[++next]) {
      entries.push(intervals.length + ended);
    }
    entries.push(operation);
  }
  return [...entries, ...returning.slice(next).map((operation) => intervals.length + operation)];
}
