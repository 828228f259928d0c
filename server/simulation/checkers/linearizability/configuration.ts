// Which operations have a place: a bitset of those that have a result, and one of the pending ones, which may be left out for
// ever.
//
// Of the known ones nearly all that were called long ago have a place, and nearly all that were called later have none. So
// their exact form as a text is where the first gap is, and the words from there to the last bit.

const wordBits = 16;

export class Configuration {
  /** Of an operation among those of its kind, with a result or without. */
  readonly #ranks: Int32Array;
  readonly #isPending: readonly boolean[];
  readonly #known: Uint16Array;
  readonly #pending: Uint16Array;
  #pendingCopy: Uint16Array | null = null;
  /** Every known rank below has a place. */
  #gap = 0;
  /** Every word of known ranks from here on is 0. */
  #end = 0;

  /** @param isPending of each operation, in order of its call: whether it has no result */
  constructor(isPending: readonly boolean[]) {
    this.#isPending = isPending;
    this.#ranks = new Int32Array(isPending.length);
    const counts = { known: 0, pending: 0 };
    for (const [operation, pending] of isPending.entries()) {
      this.#ranks[operation] = pending ? counts.pending++ : counts.known++;
    }
    this.#known = new Uint16Array(Math.ceil(counts.known / wordBits));
    this.#pending = new Uint16Array(Math.ceil(counts.pending / wordBits));
  }

  add(operation: number): void {
    const rank = this.rankOf(operation);
    const words = this.#wordsOf(operation);
    const word = Math.floor(rank / wordBits);
    words[word] = (words[word] as number) | (1 << (rank % wordBits));
    if (words !== this.#known) {
      this.#pendingCopy = null;
      return;
    }
    this.#end = Math.max(this.#end, word + 1);
    while (hasBit(words, this.#gap)) this.#gap += 1;
  }

  remove(operation: number): void {
    const rank = this.rankOf(operation);
    const words = this.#wordsOf(operation);
    const word = Math.floor(rank / wordBits);
    words[word] = (words[word] as number) & ~(1 << (rank % wordBits));
    if (words !== this.#known) {
      this.#pendingCopy = null;
      return;
    }
    this.#gap = Math.min(this.#gap, rank);
    while (this.#end > 0 && words[this.#end - 1] === 0) this.#end -= 1;
  }

  has(operation: number): boolean {
    return hasBit(this.#wordsOf(operation), this.rankOf(operation));
  }

  rankOf(operation: number): number {
    return this.#ranks[operation] as number;
  }

  /** Equal for equal sets of operations with a result only. */
  knownText(): string {
    const first = Math.floor(this.#gap / wordBits);
    let text = `${this.#gap} ${this.#end} `;
    for (let word = first; word < this.#end; word++) text += String.fromCharCode(this.#known[word] as number);
    return text;
  }

  /** The pending ones, as they are now: one array as long as nothing changes them. */
  pending(): Uint16Array {
    this.#pendingCopy ??= this.#pending.slice();
    return this.#pendingCopy;
  }

  #wordsOf(operation: number): Uint16Array {
    return this.#isPending[operation] === true ? this.#pending : this.#known;
  }
}

function hasBit(words: Uint16Array, rank: number): boolean {
  const word = words[Math.floor(rank / wordBits)] ?? 0;
  return (word & (1 << (rank % wordBits))) !== 0;
}
