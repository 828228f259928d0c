// The port: an ordered map of bytes on one disk. It knows nothing of Raft, network or clocks.
// Completions are callbacks, not promises, so that the simulator can deliver them in virtual time.

/** One change of a batch. Keys and values are not copied: they must not change until the write has completed. */
export type Operation =
  | { readonly type: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: "delete"; readonly key: Uint8Array };

/** Keys from `start` (included) to `end` (excluded), in byte order. */
export interface KeyRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
}

export interface Row {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export type WriteOutcome =
  | { readonly type: "done" }
  /** The batch may or may not be on disk; the handle must not be used again (invariant 4). */
  | { readonly type: "failed"; readonly reason: string };

export type ScanOutcome =
  /** `more` is true when the page ended at a limit; go on from the last key followed by a zero byte. */
  | { readonly type: "rows"; readonly rows: readonly Row[]; readonly more: boolean }
  /** `isDamage`: the bytes on the disk are not those that were written; false: they could not be read. */
  | { readonly type: "failed"; readonly isDamage: boolean; readonly reason: string };

export interface PageLimits {
  readonly rowsMax: number;
  /** The page ends with the row that reaches it; a page of a range that is not empty holds at least one row. */
  readonly bytesMax: number;
}

export interface OrderedStore {
  /**
   * Applies all operations or none, in order. Batches take effect in the order of the calls.
   *
   * @param sync true: `done` is called only when the batch, and every one before it, would survive a power loss
   */
  write(operations: readonly Operation[], sync: boolean, done: (outcome: WriteOutcome) => void): void;
  /** Reads one page as of the call. `done` is never called before `scan` returns. */
  scan(range: KeyRange, limits: PageLimits, done: (outcome: ScanOutcome) => void): void;
  /** Deletes every row of a range that no later write touches, in its own time; what a crash leaves of them may come back. */
  erase(range: KeyRange): void;
  /** Waits for writes under way, then releases the files. */
  close(done: () => void): void;
}
