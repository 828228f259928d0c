// What nodes say to each other. A message travels in an envelope that names cluster and sender; the wire forms are in
// bailiwick/peer/v1.

import type { BootNumber, ClusterId, LogIndex, MemberId, NodeId, Revision, Term } from "./ids.ts";
import type { DirectoryEntry, GroupKey, GroupSummary, KeptIntent, RecoveryStatus, StatusComponent } from "./model.ts";
import type { PerformanceSample } from "./placement.ts";
import type { Entry, EntryId, RaftMessage } from "./raft.ts";
import type { Reply, Request, WatchMessage } from "./requests.ts";

export interface Envelope {
  readonly cluster: ClusterId;
  readonly from: NodeId;
  /** Of the sender's start: a lower one than was seen before is stale or comes from a restored disk. */
  readonly boot: BootNumber;
  readonly message: PeerMessage;
}

/** One start of a node, told apart from every other by a random number, and how often it has said that it still runs. */
export interface Start {
  readonly boot: BootNumber;
  /** 16 hexadecimal digits. */
  readonly nonce: string;
  /** Raised, durably, every so often while the node makes promises: an older image of its disk shows a lower one. */
  readonly lap: number;
}

export interface StateRow {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** From one member of a group to another. Numbers make sure that nobody is taken for whom it was before. */
export interface Addressed extends GroupKey {
  readonly fromMember: MemberId;
  /** `anyMember`: to whoever holds the group there. */
  readonly toMember: MemberId;
}

export interface GroupBeat extends Addressed {
  readonly beat: RaftMessage & { readonly type: "beat" };
}

export interface GroupBeatReply extends Addressed {
  readonly reply: RaftMessage & { readonly type: "beatReply" };
}

/** What a node knows of a record that it shares with the receiver, by version. */
export interface StatusVersion extends GroupKey {
  /** null: the group's interlock summary; else its verdict on this node. */
  readonly node: NodeId | null;
  readonly index: LogIndex;
}

/** Stands for beats, or answers, of all groups that a message does not name: how many, and the sum of what they are. */
export interface Vouch {
  readonly groups: number;
  /** 16 hexadecimal digits. */
  readonly digest: string;
}

export type PeerMessage =
  | ({ readonly type: "raft"; readonly message: RaftMessage } & Addressed)
  /** One for each pair of nodes of which one leads a group of the other: all their groups together. */
  | {
      readonly type: "beat";
      readonly sequence: number;
      readonly clusterIndex: LogIndex;
      readonly groups: readonly GroupBeat[];
      /** For the groups that the sender leads, the receiver follows it in, and `groups` leaves out; null: for none of them. */
      readonly vouch: Vouch | null;
    }
  | {
      readonly type: "beatEcho";
      readonly sequence: number;
      readonly clusterIndex: LogIndex;
      /** The sender takes no part in its groups; why. Empty: healthy. */
      readonly quarantine: string;
      readonly groups: readonly GroupBeatReply[];
      /** The vouch of the beat, word for word, if the sender holds the very same; null: it does not, or there was none. */
      readonly agreed: Vouch | null;
    }
  /** Part `sequence` (from 0) of the state of a group as of `last`, for a follower that is behind the log. */
  | (Addressed & {
      readonly type: "snapshotPart";
      readonly term: Term;
      readonly last: EntryId;
      readonly sequence: number;
      readonly rows: readonly StateRow[];
      readonly final: boolean;
      /** State hash of the whole, in the final part. */
      readonly stateHash: string;
    })
  /** `next`: the part that the follower wants; one past the final part: installed. */
  | (Addressed & {
      readonly type: "snapshotAck";
      readonly term: Term;
      readonly last: EntryId;
      readonly next: number;
    })
  /**
   * A group's leader to a member that it has not heard yet: it may have to make its replica first. `lostIn`: the number was
   * given because the node said, in the start of this nonce, that it had lost what it was before.
   */
  | (Addressed & { readonly type: "invite"; readonly isWitness: boolean; readonly lostIn: string | null })
  /** To one that still takes itself for a member: a committed change at `index` has left it out. */
  | (Addressed & { readonly type: "departed"; readonly index: LogIndex; readonly owners: readonly NodeId[] })
  /** A group's leader to an owner: which state hash, of this format, has your replica at exactly this index? */
  | (Addressed & { readonly type: "stateQuestion"; readonly index: LogIndex; readonly format: number })
  | (Addressed & {
      readonly type: "stateAnswer";
      readonly index: LogIndex;
      readonly format: number;
      readonly hash: string;
    })
  /** A group's leader to an owner that has answered otherwise: the holders have this hash, and are a quorum of the owners. */
  | (Addressed & {
      readonly type: "stateVerdict";
      readonly index: LogIndex;
      readonly format: number;
      readonly hash: string;
      readonly holders: readonly NodeId[];
    })
  /** Whoever was addressed as `member` has nothing of the group any more, says it in the start of this nonce. */
  | (GroupKey & { readonly type: "replicaLost"; readonly member: MemberId; readonly start: string })
  /** Group manager to the cluster group's leader: the directory shows older owners. */
  | { readonly type: "ownersReport"; readonly entry: DirectoryEntry }
  /** The group has carried out what operators want of an owner. */
  | { readonly type: "intentReport"; readonly kept: KeptIntent }
  /** Verdicts and summaries that concern the receiver; merged by (incarnation, index), so that repeats do no harm. */
  | {
      readonly type: "statuses";
      readonly components: readonly StatusComponent[];
      readonly summaries: readonly GroupSummary[];
    }
  /** What the agent of the sender measured: published to its sphere, kept in no log. */
  | { readonly type: "performance"; readonly sample: PerformanceSample }
  /** Repair: what the sender holds of what it shares with the receiver, who answers with what is newer or missing. */
  | { readonly type: "statusDigest"; readonly versions: readonly StatusVersion[]; readonly answer: boolean }
  /** The cluster log has reached `index`; `entries` are its newest, trusted only from the group's own leader. */
  | { readonly type: "clusterNews"; readonly term: Term; readonly index: LogIndex; readonly entries: readonly Entry[] }
  /** Asks for the cluster log after `after`. */
  | { readonly type: "clusterPull"; readonly after: LogIndex }
  | { readonly type: "clusterEntries"; readonly after: LogIndex; readonly entries: readonly Entry[] }
  /** Instead of entries, for a node that is too far behind: the whole cluster database as of `last`. */
  | { readonly type: "clusterState"; readonly last: EntryId; readonly rows: readonly StateRow[] }
  /** Group manager to the cluster group's leader: my group's verdict on this node differs from the cluster's record. */
  | { readonly type: "verdictReport"; readonly component: StatusComponent }
  /** Cluster leader to the owners of a node's other groups: managers with a quorum answer with a report. */
  | { readonly type: "verdictPoll"; readonly node: NodeId; readonly status: RecoveryStatus }
  | {
      readonly type: "forward";
      /** Unique among the sender's forwarded calls of this start. */
      readonly call: number;
      /** Time left to answer. */
      readonly budgetMs: number;
      readonly request: Request;
    }
  | { readonly type: "forwardReply"; readonly call: number; readonly reply: Reply }
  | { readonly type: "forwardCancel"; readonly call: number }
  /** Events that are too large for one message come in parts, counted from 0; of all but the last there is `more`. */
  | {
      readonly type: "forwardWatch";
      readonly call: number;
      readonly message: WatchMessage;
      readonly part: number;
      readonly more: boolean;
    }
  /** The asker has room for the next message of the stream: it has read the events up to `through`, or that page or part of it. */
  | { readonly type: "forwardDrained"; readonly call: number; readonly through: Revision; readonly page: number }
  /**
   * The sender's starts, oldest first, the present one last. `answer`: the receiver is to introduce itself as well.
   * `isAnew`: it speaks as no member that it was before a quarantine, in which it is, or which gave up what the receiver has
   * refused it for: what is remembered of it no longer matters.
   * `anewSince`: the start in which it was quarantined last; what is remembered of earlier ones does not matter. 0: it never was.
   */
  | {
      readonly type: "hello";
      readonly lineage: readonly Start[];
      readonly answer: boolean;
      readonly isAnew: boolean;
      readonly anewSince: BootNumber;
    }
  /** The receiver's start agrees with all that the sender remembers of it. */
  | { readonly type: "helloAccepted"; readonly start: Start }
  /** The sender remembers a start of the receiver that the receiver's lineage does not hold: its disk is an old image. */
  | { readonly type: "helloRefused"; readonly remembered: Start }
  /** The sender's present start has come this far. */
  | { readonly type: "lap"; readonly start: Start };

/** Between two members of one group. */
export type GroupMessage = PeerMessage & {
  readonly type: "raft" | "snapshotPart" | "snapshotAck" | "stateQuestion" | "stateAnswer" | "stateVerdict";
};
