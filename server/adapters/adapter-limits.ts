// Bounds and times of the adapters, and what happens when one is reached. Times in milliseconds, sizes in bytes.

import { wireLimits } from "../../proto/codec/wire-limits.ts";

export const adapterLimits = {
  /** A longer message is dropped by its sender; a longer frame ends the stream that it came on. */
  frameBytesMax: wireLimits.sentBytesMax,
  /** Waiting for a connected peer to read; beyond it the oldest are dropped. */
  queueBytesMax: 32 * 1024 * 1024,
  /** Waiting for a connection to be made; beyond it the oldest are dropped. */
  unconnectedBytesMax: 4 * 1024 * 1024,
  /** Frames written to a stream at a time. */
  writeBytes: 256 * 1024,

  /** Gossip that one peer has not read yet; beyond it the gossip stream is given up and made anew with the connection. */
  gossipBacklogBytesMax: 32 * 1024 * 1024,
  /** How long a gossip message is recognised as seen. */
  gossipSeenMs: 10_000,
  topicsMax: 16_384,

  dialMs: 5_000,
  openStreamMs: 5_000,
  backoffMsMin: 50,
  backoffMsMax: 2_000,
  /** A connection that lasted this long was a success: the next attempt after it starts without back-off. */
  stableMs: 1_000,
  /** Within this time of our own dial, a dial of the peer is the other half of a simultaneous opening. */
  simultaneousMs: 5_000,

  checkIntervalMs: 1_000,
  /**
   * Silence of a peer that is to be heard, before it is probed; and after the probe, before it is given up. TCP tries again after
   * twice as long each time, and would wait on after the network is whole again; a dial does so after 2 s at most.
   */
  silenceMs: 2_000,
  /** A connection that we made for a few messages is closed after this long without any. */
  idleMs: 60_000,
  /** A connection over which gossip has not come up, or has gone, after this long is made anew. */
  gossipGraceMs: 15_000,

  connectionsMax: 10_000,
  pendingConnectionsMax: 1_000,
  inboundPerSecondMax: 1_000,
  /** Refused identities that are told apart in the journal; the rest are only counted. */
  refusedIdentitiesMax: 1_000,

  /** Between two looks at the free space of the disk. */
  diskCheckMs: 1_000,
  /** Between two looks at the wall clock. */
  wallClockCheckMs: 1_000,
  /** By how much the wall clock may be off in the node's eyes before it is told. */
  wallClockErrorMs: 100,

  /** Names of counters; they come from the code, so that more is a mistake and stops the node. */
  counterNamesMax: 1_000,
} as const;
