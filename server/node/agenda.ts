// Which groups have something to do in a step, so that the others cost it nothing: those that something has happened to,
// those whose time has come, those that look again whenever any time has come, and those that wait for the disk.

import type { Millis } from "../../proto/ids.ts";
import { Deadlines } from "./deadlines.ts";

/** What an entry of the agenda says of itself after each step in which it had its turn. */
export interface Planned {
  deadlineMs(): Millis | null;
  /** With every deadline of the node it has to look whether something has changed. */
  readonly isRestless: boolean;
  /** It waits for a write. */
  readonly isWriting: boolean;
}

export class Agenda<Item extends Planned> {
  /** In the order in which they came, which is that of their turns. */
  readonly #numbers = new Map<Item, number>();
  #last = 0;
  readonly #touched = new Set<Item>();
  readonly #restless = new Set<Item>();
  readonly #writing = new Set<Item>();
  readonly #dues = new Map<Item, Millis>();
  readonly #deadlines = new Deadlines<Item>();

  add(item: Item): void {
    this.#last += 1;
    this.#numbers.set(item, this.#last);
    this.#touched.add(item);
  }

  drop(item: Item): void {
    this.#numbers.delete(item);
    this.#touched.delete(item);
    this.#restless.delete(item);
    this.#writing.delete(item);
    this.#setDue(item, null);
  }

  /** Something has happened to it: it has its turn in this step. One that was dropped is passed over. */
  touch(item: Item): void {
    if (this.#numbers.has(item)) this.#touched.add(item);
  }

  /** Those that something has happened to since their last turn. */
  touched(): readonly Item[] {
    return this.#inOrder(this.#touched);
  }

  /** Those that have their turn at the end of a step; what happens to them from now on counts for the next. */
  take(nowMs: Millis): readonly Item[] {
    const due = this.#due(nowMs);
    if (due.length === 0 && this.#touched.size === 0) return due;
    const items = this.#inOrder(new Set([...this.#touched, ...due]));
    this.#touched.clear();
    return items;
  }

  /** Those that a deadline of the node concerns. */
  atDeadline(nowMs: Millis): readonly Item[] {
    return this.#inOrder(new Set([...this.#due(nowMs), ...this.#restless]));
  }

  writing(): readonly Item[] {
    return this.#inOrder(this.#writing);
  }

  /** After its turn: when it has the next. */
  file(item: Item): void {
    if (!this.#numbers.has(item)) return;
    this.#setDue(item, item.deadlineMs());
    if (item.isRestless) this.#restless.add(item);
    else this.#restless.delete(item);
    if (item.isWriting) this.#writing.add(item);
    else this.#writing.delete(item);
  }

  deadlineMs(): Millis | null {
    return this.#deadlines.next();
  }

  /** They stay due until they are filed anew. */
  #due(nowMs: Millis): readonly Item[] {
    const due = this.#deadlines.takeDue(nowMs);
    for (const item of due) this.#deadlines.set(item, this.#dues.get(item) as Millis);
    return due;
  }

  #setDue(item: Item, dueMs: Millis | null): void {
    if (this.#dues.get(item) === dueMs) return;
    if (dueMs === null) {
      this.#dues.delete(item);
      this.#deadlines.delete(item);
    } else {
      this.#dues.set(item, dueMs);
      this.#deadlines.set(item, dueMs);
    }
  }

  #inOrder(items: ReadonlySet<Item>): readonly Item[] {
    if (items.size < 2) return [...items];
    const numberOf = (item: Item) => this.#numbers.get(item) ?? 0;
    return [...items].sort((left, right) => numberOf(left) - numberOf(right));
  }
}
