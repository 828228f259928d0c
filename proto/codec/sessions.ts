// Wire forms of sessions (proto/sessions.ts).

import * as model from "../gen/bailiwick/peer/v1/model_pb.ts";
import * as wire from "../gen/bailiwick/peer/v1/session_pb.ts";
import type { RememberedAnswer, RememberedOutcome, RequestIdentity, SessionRecord } from "../sessions.ts";
import { failure } from "./failures.ts";
import { incarnation, logIndex, revision, uint64, wholeMs } from "./integers.ts";
import { owners } from "./model.ts";
import { flag, hash64, word } from "./scalars.ts";
import { message, only, required, union } from "./structure.ts";
import { decision, transactionId } from "./transactions.ts";

export const requestIdentity = message<RequestIdentity, typeof model.RequestIdentitySchema>(
  model.RequestIdentitySchema,
  { session: word, sequence: uint64 },
);

export const sessionRecord = message<SessionRecord, typeof wire.SessionRecordSchema>(wire.SessionRecordSchema, {
  session: word,
  ttlMs: wholeMs,
  floor: uint64,
});

const outcome = only(
  wire.OutcomeSchema,
  "outcome",
  union<RememberedOutcome, wire.Outcome["outcome"]>({
    refused: message(wire.RefusedOutcomeSchema, { failure: required(failure) }),
    decided: message(wire.DecidedOutcomeSchema, {}),
    written: message(wire.WrittenOutcomeSchema, { revision, replaced: uint64 }),
    transacted: message(wire.TransactedOutcomeSchema, { succeeded: flag, revision, isMade: flag }),
    begun: message(wire.BegunOutcomeSchema, { id: required(transactionId) }),
    concluded: message(wire.ConcludedOutcomeSchema, {
      id: required(transactionId),
      decision,
      revision,
      isMade: flag,
    }),
    leaseGranted: message(wire.LeaseGrantedOutcomeSchema, { id: uint64, ttlMs: wholeMs }),
    leaseRevoked: message(wire.LeaseRevokedOutcomeSchema, { revision, deleted: uint64 }),
    ownersWanted: message(wire.OwnersWantedOutcomeSchema, { owners }),
    ownersSet: message(wire.OwnersSetOutcomeSchema, { index: logIndex }),
  }),
);

export const rememberedAnswer = message<RememberedAnswer, typeof wire.RememberedAnswerSchema>(
  wire.RememberedAnswerSchema,
  { identity: required(requestIdentity), digest: hash64, incarnation, index: logIndex, outcome: required(outcome) },
);
