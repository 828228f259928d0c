// What the parts of one node share. Handed to each part at its construction; nothing here is global.

import type { BootNumber, ClusterId, Millis, NodeId } from "../../proto/ids.ts";
import type { Random } from "../../proto/random.ts";
import type { LeaseRead } from "../raft/types.ts";
import type { Allowance } from "./allowance.ts";
import type { Calls } from "./calls.ts";
import type { Counters } from "./counters.ts";
import type { Departures } from "./departures.ts";
import type { DiskSpace } from "./disk-space.ts";
import type { HardStates } from "./hard-states.ts";
import type { LogKept } from "./log-trim.ts";
import type { MemorySpace } from "./memory-space.ts";
import type { Outbox } from "./outbox.ts";
import type { Slots } from "./slots.ts";
import type { VoterReplacement } from "./voter-replacement.ts";
import type { Vouching } from "./vouching.ts";

export interface World {
  readonly self: NodeId;
  readonly cluster: ClusterId;
  readonly boot: BootNumber;
  /** Of this start. */
  readonly nonce: string;
  readonly out: Outbox;
  readonly calls: Calls;
  readonly hardStates: HardStates;
  readonly slots: Slots;
  readonly vouching: Vouching;
  readonly counters: Counters;
  readonly random: Random;
  readonly logKept: LogKept;
  readonly diskSpace: DiskSpace;
  readonly memorySpace: MemorySpace;
  readonly leaseRead: LeaseRead | null;
  readonly voterReplacement: VoterReplacement;
  /** In bytes of replicas whose rows are counted anew. */
  readonly recounts: Allowance;
  /** Wall clock minus monotonic clock, as last read. */
  readonly wallOffsetMs: () => number;
  /** Whether this node may have forgotten what it promised: it is in quarantine. */
  readonly isDoubtful: () => boolean;
  /** Whether it ever was: then it does not know which members it has been, also when it takes part again. */
  readonly isForgetful: () => boolean;
  /** Why nodes take no part in their groups, as they said themselves: peers, and this one. */
  readonly quarantines: ReadonlyMap<NodeId, string>;
  /** Peers with an open connection. */
  readonly connected: Set<NodeId>;
  readonly departures: Departures;
}

/** Milliseconds since 1970: to date things for people, for time windows, and to count moves that other managers have dated. */
export function wallMs(world: World, nowMs: Millis): number {
  return Math.round(world.wallOffsetMs() + nowMs);
}
