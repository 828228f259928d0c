// Wire forms of what members of a group say to each other (proto/raft.ts). Entries are read by hand: they are the bulk of
// the traffic.

import { InvariantError } from "../assert.ts";
import * as wire from "../gen/bailiwick/peer/v1/raft_pb.ts";
import { checkLogSlice, type Entry, type EntryId, isControl, type LogSlice, type RaftMessage } from "../raft.ts";
import { CodecError } from "./codec-error.ts";
import { decodeControl } from "./control.ts";
import { logIndex, term, uint64 } from "./integers.ts";
import { bytes, flag, nodeId } from "./scalars.ts";
import { type Codec, list, message, refined, required, union } from "./structure.ts";
import { wireLimits } from "./wire-limits.ts";

export const entryId = message<EntryId, typeof wire.EntryIdSchema>(wire.EntryIdSchema, { term, index: logIndex });

const entry = refined(
  message<Entry, typeof wire.EntrySchema>(wire.EntrySchema, {
    term,
    index: logIndex,
    payload: bytes(wireLimits.rowBytesMax),
  }),
  checkControl,
);

/** The core reads these by itself: one that does not decode must not get so far. */
function checkControl({ payload }: Entry): void {
  if (isControl(payload)) decodeControl(payload);
}

export const entries: Codec<readonly Entry[], wire.Entry[]> = list(entry, wireLimits.itemsMax);

const sliceFields = message<LogSlice, typeof wire.LogSliceSchema>(wire.LogSliceSchema, {
  previous: required(entryId),
  entries,
});

/** A forged slice must cost its sender the frame, not the receiver its process. */
function checkSlice(slice: LogSlice, field: string): void {
  try {
    checkLogSlice(slice);
  } catch (reason) {
    if (!(reason instanceof InvariantError)) throw reason;
    throw new CodecError(`${field}: ${reason.message}`, reason);
  }
}

const logSlice = refined(sliceFields, checkSlice);

type Fields<Type extends RaftMessage["type"]> = Omit<Extract<RaftMessage, { readonly type: Type }>, "type">;
type Append = Fields<"append">;

const appendFields = message<Append, typeof wire.RaftAppendSchema>(wire.RaftAppendSchema, {
  term,
  slice: required(logSlice),
  commit: logIndex,
});

/** A leader's log holds nothing of a later term than its own. */
function checkAppend(value: Append, field: string): void {
  const last = value.slice.entries.at(-1) ?? value.slice.previous;
  if (last.term <= value.term) return;
  throw new CodecError(`${field}: Entry ${last.index} is of term ${last.term}, sent in term ${value.term}`);
}

const append = refined(appendFields, checkAppend);

const vote = message<Fields<"vote">, typeof wire.RaftVoteSchema>(wire.RaftVoteSchema, {
  term,
  last: required(entryId),
  subterm: uint64,
  isTransfer: flag,
});
const voteReply = message<{ term: EntryId["term"]; granted: boolean }, typeof wire.RaftVoteReplySchema>(
  wire.RaftVoteReplySchema,
  { term, granted: flag },
);

export const raftBeat = message<Fields<"beat">, typeof wire.RaftBeatSchema>(wire.RaftBeatSchema, {
  term,
  round: uint64,
  commit: logIndex,
  last: logIndex,
});

export const raftBeatReply = message<Fields<"beatReply">, typeof wire.RaftBeatReplySchema>(wire.RaftBeatReplySchema, {
  term,
  round: uint64,
  matched: logIndex,
});

export const raftMessage = union<RaftMessage, wire.GroupRaft["message"]>({
  preVote: vote,
  preVoteReply: voteReply,
  vote,
  voteReply,
  append,
  appendReply: message(wire.RaftAppendReplySchema, { term, matched: logIndex }),
  appendReject: message(wire.RaftAppendRejectSchema, {
    term,
    rejected: logIndex,
    last: required(entryId),
    isBlank: flag,
  }),
  beat: raftBeat,
  beatReply: raftBeatReply,
  timeoutNow: message(wire.RaftTimeoutNowSchema, { term }),
  standIn: message(wire.RaftStandInSchema, { term, subterm: uint64, owners: list(nodeId, wireLimits.ownersMax) }),
  standInReply: message(wire.RaftStandInReplySchema, { term, subterm: uint64 }),
});
