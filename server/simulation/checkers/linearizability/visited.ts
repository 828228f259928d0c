// The configurations that a search has been at. Two that differ only in the pending operations they have used are compared
// by these: with a part of them used, all can be done that can be done with more of them used.

export class Visited {
  /** By known operations and state: sets of pending ones, none of them holding another that came before it. */
  readonly #pendings = new Map<string, Uint16Array[]>();

  /**
   * @param text stands for the known operations and the state, exactly
   * @param pending a bitset; kept
   * @returns false when the search has been there, with these pending operations used or fewer
   */
  enter(text: string, pending: Uint16Array): boolean {
    const before = this.#pendings.get(text);
    if (before === undefined) {
      this.#pendings.set(text, [pending]);
      return true;
    }
    if (before.some((used) => isWithin(used, pending))) return false;
    before.push(pending);
    return true;
  }
}

function isWithin(part: Uint16Array, whole: Uint16Array): boolean {
  return part === whole || part.every((word, index) => (word & ~(whole[index] as number)) === 0);
}
