// Everything that a node stores, behind one port: rows and hard state, written in parallel, done when both are durable.
// It merges nothing: the host gathers the writes of a moment into one.

import type { HardStateStore, HardStateTable } from "./hard-state.ts";
import { markOperation } from "./hard-state-mark.ts";
import type { KeyRange, Operation, OrderedStore, PageLimits, ScanOutcome, WriteOutcome } from "./ordered-store.ts";

export interface NodeWrite {
  readonly operations: readonly Operation[];
  /** The whole table, when any row of it changed; it is always synced. Not atomic with `operations`. */
  readonly hardStates: HardStateTable | null;
  /** Whether `operations`, and every write before, must be durable when the write is done. */
  readonly sync: boolean;
}

/** What the host sees of the disk. */
export interface NodeStorage {
  /** The newest table handed to `write`; after a start, the one that was durable. */
  readonly hardStates: HardStateTable;
  /** true: nothing was ever stored here before this start. A node with a key and a new store is quarantined. */
  readonly isNew: boolean;
  /** Of the hard state: as `HardStateStore.generation`. */
  readonly generation: number;
  /**
   * Completions come in the order of the calls. The first failure is final: that write and all after it answer `failed`,
   * and what happened to them is unknown.
   */
  write(write: NodeWrite, done: (outcome: WriteOutcome) => void): void;
  scan(range: KeyRange, limits: PageLimits, done: (outcome: ScanOutcome) => void): void;
  /** As `OrderedStore.erase`. */
  erase(range: KeyRange): void;
  close(done: () => void): void;
}

export interface NodeStoreOptions {
  readonly rows: OrderedStore;
  readonly hardState: HardStateStore;
  /** Delivers the refusals of a store that has failed; `queueMicrotask`, or the simulator's queue. */
  readonly defer: (deliver: () => void) => void;
}

/** A write whose parts are not all done, or that waits for one before it. */
interface Pending {
  readonly done: (outcome: WriteOutcome) => void;
  partsLeft: number;
}

/** The port over any pair of stores: level and slot files in a process, memory in the simulator. */
export class NodeStore implements NodeStorage {
  readonly #rows: OrderedStore;
  readonly #hardState: HardStateStore;
  readonly #defer: (deliver: () => void) => void;
  /** In the order of the calls; the stores below bound it. */
  #pending: Pending[] = [];
  #failure: WriteOutcome | null = null;

  constructor(options: NodeStoreOptions) {
    this.#rows = options.rows;
    this.#hardState = options.hardState;
    this.#defer = options.defer;
  }

  get hardStates(): HardStateTable {
    return this.#hardState.table;
  }

  get isNew(): boolean {
    return this.#hardState.isNew;
  }

  get generation(): number {
    return this.#hardState.generation;
  }

  write(write: NodeWrite, done: (outcome: WriteOutcome) => void): void {
    const failed = this.#failure;
    if (failed !== null) {
      this.#defer(() => done(failed));
      return;
    }
    const pending: Pending = { done, partsLeft: write.hardStates === null ? 1 : 2 };
    this.#pending.push(pending);
    this.#rows.write(this.#operationsOf(write), write.sync, (outcome) => this.#partDone(pending, outcome));
    if (write.hardStates === null) return;
    this.#hardState.write(write.hardStates, (outcome) => this.#partDone(pending, outcome));
  }

  /** Beside a new table goes a mark of the one before it, which is durable already. */
  #operationsOf({ operations, hardStates }: NodeWrite): readonly Operation[] {
    return hardStates === null ? operations : [...operations, markOperation(this.#hardState.generation)];
  }

  scan(range: KeyRange, limits: PageLimits, done: (outcome: ScanOutcome) => void): void {
    this.#rows.scan(range, limits, done);
  }

  erase(range: KeyRange): void {
    if (this.#failure === null) this.#rows.erase(range);
  }

  close(done: () => void): void {
    this.#rows.close(() => this.#hardState.close(done));
  }

  #partDone(pending: Pending, outcome: WriteOutcome): void {
    if (this.#failure !== null) return;
    if (outcome.type === "failed") {
      this.#fail(outcome);
      return;
    }
    pending.partsLeft -= 1;
    // A delivered completion may write again or fail: look at the queue afresh each time.
    for (let first = this.#pending[0]; first?.partsLeft === 0; first = this.#pending[0]) {
      this.#pending.shift();
      first.done(outcome);
    }
  }

  #fail(outcome: WriteOutcome): void {
    this.#failure = outcome;
    const abandoned = this.#pending;
    this.#pending = [];
    for (const { done } of abandoned) done(outcome);
  }
}
