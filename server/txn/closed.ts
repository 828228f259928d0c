// Which transactions of other coordinators are over for a group. A message that comes late must neither lock keys for a
// transaction that is over nor carry it out a second time; a coordinator says below which index all of its own are over.

import type { LogIndex, Revision } from "../../proto/ids.ts";
import type { ClosedTransactions, TransactionId } from "../../proto/transactions.ts";

/** @param known of this coordinator; null: nothing */
export function isClosed(known: ClosedTransactions | null, id: TransactionId): boolean {
  if (known === null || id.incarnation > known.incarnation) return false;
  return id.incarnation < known.incarnation || id.index < known.floor || find(known, id.index) !== null;
}

/** The revision that it made here; null: not known, or none. */
export function revisionOf(known: ClosedTransactions | null, id: TransactionId): Revision | null {
  if (known === null || known.incarnation !== id.incarnation) return null;
  return find(known, id.index)?.revision ?? null;
}

/**
 * The transaction is over, and so are all of its coordinator below `floor`. One that stays open for long holds the floor back:
 * of those behind it no more than `closedMax` are remembered one by one, and what is older than they are counts as over, so
 * that it can be prepared here no more.
 */
export function close(
  known: ClosedTransactions | null,
  id: TransactionId,
  { revision, floor, closedMax }: Over,
): ClosedTransactions {
  const { group, incarnation, index } = id;
  // Of an earlier incarnation everything is over.
  if (known !== null && known.incarnation > incarnation) return known;
  const before = known?.incarnation === incarnation ? known : { floor, closed: [] };
  const raised = Math.max(before.floor, floor) as LogIndex;
  const others = before.closed.filter((each) => each.index >= raised && each.index !== index);
  const closed = index < raised ? others : [...others, { index, revision }];
  return { group, incarnation, ...newest({ floor: raised, closed }, closedMax) };
}

export interface Over {
  readonly revision: Revision;
  readonly floor: LogIndex;
  readonly closedMax: number;
}

type Memory = Pick<ClosedTransactions, "floor" | "closed">;

function newest({ floor, closed }: Memory, closedMax: number): Memory {
  if (closed.length <= closedMax) return { floor, closed };
  const indexes = closed.map(({ index }) => index).sort((left, right) => left - right);
  const least = indexes[indexes.length - closedMax] as LogIndex;
  return { floor: least, closed: closed.filter(({ index }) => index >= least) };
}

function find({ closed }: ClosedTransactions, index: LogIndex) {
  return closed.find((each) => each.index === index) ?? null;
}
