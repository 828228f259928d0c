// Which owners a leader counts on to commit. Usually a quorum of the owners alone, and the witness is off the path. While an
// owner is away, the leader names the rest, has the witness record their names durably, and from then on commits with what
// all of them hold and the witness's vote. Each naming has a sub-term of its own: the witness gives its vote in an election
// to those named last, or to a log that a later sub-term reached.
// Why this is safe: whatever was committed with the witness's help is on every owner named; whatever was committed
// afterwards without it is on a quorum of owners, as in a group without a witness. Whoever is named later must hold both.

import type { LogIndex, MemberId, Millis, NodeId } from "../../proto/ids.ts";

/** One that lost its memory comes back under another number, and has recorded nothing. */
interface Witness {
  readonly node: NodeId;
  readonly member: MemberId;
}

/** Where the log ended at a time. */
interface Goal {
  readonly index: LogIndex;
  readonly sinceMs: Millis;
}

export class ReplicationSet {
  /** What the others are to have soon, for the witness to be dismissed; null: nothing was noted yet. */
  goal: Goal | null = null;
  #subterm = 0;
  #named: readonly NodeId[] | null = null;
  readonly #recordedBy = new Map<NodeId, MemberId>();

  /** Of the newest naming in this term; 0 before the first. */
  get subterm(): number {
    return this.#subterm;
  }

  /** Owners that the witness is to stand in with; null: the owners alone. */
  get named(): readonly NodeId[] | null {
    return this.#named;
  }

  /** Counts on exactly these from now on; with the witness's vote once it has recorded them. */
  name(owners: readonly NodeId[]): void {
    this.#subterm += 1;
    this.#named = owners;
    this.goal = null;
    this.#recordedBy.clear();
  }

  /** Counts on the owners alone again. What follows in the log has to say so, with the new sub-term. */
  dismiss(): void {
    this.#subterm += 1;
    this.#named = null;
    this.goal = null;
    this.#recordedBy.clear();
  }

  /** The witness holds the naming of `subterm` durably. */
  recorded({ node, member }: Witness, subterm: number): void {
    if (this.#named !== null && subterm === this.#subterm) this.#recordedBy.set(node, member);
  }

  isRecordedBy({ node, member }: Witness): boolean {
    return this.#recordedBy.get(node) === member;
  }
}
