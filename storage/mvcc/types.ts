// The vocabulary of a group's versioned keys: what is written, what is read, what is stored.

import type { Revision } from "../../proto/ids.ts";

/** One version of a key that exists. Never changed once made; its bytes must not be changed by readers. */
export interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** Revision of the put that brought the key into being. */
  readonly createRevision: Revision;
  /** Revision of the put that wrote this value. */
  readonly modRevision: Revision;
  /** 1 at creation, one more with each revision that puts the key, reset by a delete. */
  readonly version: number;
  /** Lease to which the key is bound; 0 for none. */
  readonly lease: number;
}

/** Keys from `start` (included) to `end` (excluded; null: to the last key). */
export interface KeySpan {
  readonly start: Uint8Array;
  readonly end: Uint8Array | null;
}

/** Keys and values are kept, not copied: they must not change afterwards. */
export type Write =
  | { readonly type: "put"; readonly key: Uint8Array; readonly value: Uint8Array; readonly lease: number }
  | { readonly type: "delete"; readonly range: KeySpan }
  /** A lease ends, and its keys with it. */
  | { readonly type: "expire"; readonly lease: number; readonly keys: readonly Uint8Array[] };

/** What one revision did to one key. */
export interface KeyEvent {
  readonly key: Uint8Array;
  /** null: deleted. */
  readonly kv: KeyValue | null;
  /** What the key held before this revision; null when it did not exist. */
  readonly previous: KeyValue | null;
  /** Of a deletion: the lease whose end it was; 0: none. */
  readonly endedLease: number;
}

/** All events of one revision, at most one a key. */
export interface RevisionEvents {
  readonly revision: Revision;
  readonly events: readonly KeyEvent[];
}

/** Names a stored version: the `ordinal`-th change (from 0) of `revision`. */
export interface VersionId {
  readonly revision: Revision;
  readonly ordinal: number;
}

/** A version as it is stored. */
export interface VersionRow extends VersionId {
  readonly value: Uint8Array;
}

/** Why a revision cannot be read. */
export type RevisionFailure =
  /** History below `floor` is gone; `floor` itself can be read. */
  | { readonly type: "compacted"; readonly floor: Revision }
  | { readonly type: "futureRevision"; readonly newest: Revision };
