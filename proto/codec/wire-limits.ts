// Bounds of what nodes tell each other and keep on disk. They protect a receiver; what a client may send is narrower and
// refused where it enters. A list is bounded again by the frame that holds it.

export const wireLimits = {
  /** One encoded envelope. */
  frameBytesMax: 16 * 1024 * 1024,
  /** A longer envelope is sent to nobody. */
  sentBytesMax: 12 * 1024 * 1024,
  keyBytesMax: 4 * 1024,
  /** The end of a span, or its start after a page, may be one byte longer than a key. */
  spanBytesMax: 4 * 1024 + 1,
  valueBytesMax: 1024 * 1024,
  configBytesMax: 1024 * 1024,
  ownersMax: 4_096,
  /** Of one voter. */
  votesMax: 100,
  /** Five times what is written today, so that a later version may say more. */
  reasonCharsMax: 1_000,
  /** Addresses, identities, labels, names of counters. */
  wordCharsMax: 1_000,
  /** Texts of failures, which may name every node of a group. */
  textCharsMax: 1024 * 1024,
  itemsMax: 100_000,
  /** Of capacity, load and demand. */
  dimensionsMax: 64,
  /** Of one group. */
  resourcesMax: 1_024,
  /** About where a group runs, that it remembers or tells of. */
  decisionsMax: 1_000,
  /** Starts of a node that it tells of; four times what is kept today. */
  lineageMax: 4_096,
  /** A row of a snapshot or of the cluster database: a version with its key, or a config object. */
  rowKeyBytesMax: 8 * 1024,
  rowBytesMax: 2 * 1024 * 1024,
} as const;
