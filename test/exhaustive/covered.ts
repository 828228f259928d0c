// The states seen so far, without those that another one covers: with the same members, budgets and history, and with all
// of its messages in flight, whatever can follow from the one can follow from the other, since no message has to arrive.

import { coreLength } from "./world.ts";

export class Seen {
  /** In the order of discovery: the queue. */
  readonly keys: string[] = [];
  /** Where each was found from. */
  readonly parents: number[] = [];
  readonly #byCore = new Map<string, number[]>();
  readonly #covered = new Set<number>();

  get size(): number {
    return this.keys.length;
  }

  isCovered(at: number): boolean {
    return this.#covered.has(at);
  }

  add(key: string, parent: number): void {
    const core = key.slice(0, coreLength);
    const rivals = this.#byCore.get(core) ?? [];
    if (rivals.some((rival) => isWithin(key, this.keys[rival] as string))) return;
    const kept = rivals.filter((rival) => !isWithin(this.keys[rival] as string, key));
    for (const rival of rivals) if (!kept.includes(rival)) this.#covered.add(rival);
    kept.push(this.keys.length);
    this.#byCore.set(core, kept);
    this.keys.push(key);
    this.parents.push(parent);
  }
}

/** Whether all messages of `part` are among those of `whole`, both ascending. */
function isWithin(part: string, whole: string): boolean {
  if (part.length > whole.length) return false;
  let at = coreLength;
  for (let position = coreLength; position < part.length; position++, at++) {
    const wanted = part.charCodeAt(position);
    while (at < whole.length && whole.charCodeAt(at) < wanted) at++;
    if (at >= whole.length || whole.charCodeAt(at) !== wanted) return false;
  }
  return true;
}
