// Whoever waits for answers, as long as it does: what an AbortSignal tells, at a small part of its cost.

export class Asker {
  #isGone = false;
  #listeners: (() => void)[] = [];

  /** Nobody waits any more. */
  get isGone(): boolean {
    return this.#isGone;
  }

  leave(): void {
    this.#isGone = true;
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener();
  }

  /** @param listener told once, when the asker leaves */
  add(listener: () => void): void {
    this.#listeners.push(listener);
  }

  remove(listener: () => void): void {
    const at = this.#listeners.indexOf(listener);
    if (at >= 0) this.#listeners.splice(at, 1);
  }
}
