// What prepared transactions hold of a group's keys until they are decided. Nobody waits for a lock to write: who comes later
// gives way, so that no two can wait for each other.

import type { NodeId } from "../../proto/ids.ts";
import type { KeySpan } from "../../proto/model.ts";
import type { IntendOperation, Operation, Part } from "../../proto/transactions.ts";
import { doOverlap, spanOfKey } from "../../storage/mvcc/span.ts";

/** Keys that something reads and writes, and owners of which operators want something else by it. */
export interface Footprint {
  readonly reads: readonly KeySpan[];
  readonly writes: readonly KeySpan[];
  readonly owners: readonly NodeId[];
}

/** Of both branches, and of the comparisons that choose one. */
export function footprintOf({ comparisons, success, failure }: Part): Footprint {
  const compared = comparisons.map(({ target }) => (target.type === "key" ? spanOfKey(target.key) : target.span));
  const operations = [...success, ...failure];
  const isWrite = ({ type }: Operation) => type === "put" || type === "delete";
  const ofKeys = operations.filter((operation) => operation.type !== "intend");
  return {
    reads: [...compared, ...ofKeys.filter((operation) => !isWrite(operation)).map(spanOf)],
    writes: ofKeys.filter(isWrite).map(spanOf),
    owners: operations.flatMap((operation) => (operation.type === "intend" ? [operation.node] : [])),
  };
}

export class Locks<Holder> {
  readonly #held = new Map<Holder, Footprint>();

  hold(holder: Holder, footprint: Footprint): void {
    this.#held.set(holder, footprint);
  }

  release(holder: Holder): void {
    this.#held.delete(holder);
  }

  /** Who reads what is to be written, writes what is to be read or written, or concerns the same owner; null: nobody. */
  conflict({ reads, writes, owners }: Footprint): Holder | null {
    for (const [holder, held] of this.#held) {
      if (overlap(held.writes, reads) || overlap(held.writes, writes) || overlap(held.reads, writes)) return holder;
      if (held.owners.some((owner) => owners.includes(owner))) return holder;
    }
    return null;
  }
}

function overlap(left: readonly KeySpan[], right: readonly KeySpan[]): boolean {
  return left.some((one) => right.some((other) => doOverlap(one, other)));
}

function spanOf(operation: Exclude<Operation, IntendOperation>): KeySpan {
  return operation.type === "list" || operation.type === "delete" ? operation.span : spanOfKey(operation.key);
}
