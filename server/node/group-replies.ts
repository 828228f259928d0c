// What a replica answers from its state: reads, outcomes of writes, and its status. Pure translation.

import { present } from "../../proto/assert.ts";
import { type Failure, failure } from "../../proto/errors.ts";
import type { GroupId, NodeId } from "../../proto/ids.ts";
import type { KeyValue } from "../../proto/model.ts";
import type { GroupRequest, GroupStatus, Header, IdentifiableRequest, Reply } from "../../proto/requests.ts";
import type { Decision, Part, TransactionId } from "../../proto/transactions.ts";
import type { RevisionFailure } from "../../storage/mvcc/types.ts";
import type { GroupOutcome, GroupState } from "./group-state.ts";
import { answerLeaseWrite } from "./lease-replies.ts";
import { limits } from "./limits.ts";
import { answerRecalled } from "./recall.ts";
import type { Replica } from "./replica.ts";

export type TransactRequest = GroupRequest & { readonly type: "transact" };
export type KeepAliveRequest = GroupRequest & { readonly type: "keepAliveLease" };
/** A renewal is one as long as it need not be in the log. */
export type LeaseRead = KeepAliveRequest | (GroupRequest & { readonly type: "getLease" | "listLeases" });
export type RenewRequest = GroupRequest & { readonly type: "renewOwnership" };
/** What is asked of the group's placement, and of who manages it. */
export type PlacementRead = RenewRequest | (GroupRequest & { readonly type: "explainGroup" | "foreseeDrain" });
/** A transaction is a read when no branch of it writes. */
export type ReadRequest = (GroupRequest & { readonly type: "get" | "list" | "decision" }) | TransactRequest;
export type WriteRequest =
  | (GroupRequest & { readonly type: "put" | "delete" | "compact" | "configure" | "prepare" | "finish" | "wish" })
  | (GroupRequest & { readonly type: "grantLease" | "revokeLease" })
  | KeepAliveRequest
  | (GroupRequest & { readonly type: "openSession" | "closeSession" })
  | TransactRequest;
export type GroupReplica = Replica<GroupOutcome, GroupState>;

export function failed(reason: Failure): Reply {
  return { type: "failed", failure: reason };
}

/** For a write whose leader was deposed before it heard of the end. */
export function fateUnknown(group: GroupId): Failure {
  const message = `The manager of ${group} changed while the write was under way; whether it took effect is not known`;
  return failure("outcome_unknown", message, { group });
}

export function headerOf(state: GroupState, node: NodeId, stale: boolean): Header {
  const { group, incarnation } = state.object;
  return { group, incarnation, revision: state.mvcc.revision, node, stale };
}

export function answerRead(request: ReadRequest, state: GroupState, header: Header): Reply {
  if (request.type === "list") return answerList(request, state, header);
  if (request.type === "transact") return answerTransact(state.answer(firstPart(request)), header);
  if (request.type === "decision") return { type: "decision", header, decision: decisionOn(request.id, state) };
  const found = state.mvcc.get(request.key, request.revision);
  if (found.type !== "value") return failed(revisionFailure(found, request));
  return { type: "get", header, kv: found.kv };
}

function answerList(request: GroupRequest & { readonly type: "list" }, state: GroupState, header: Header): Reply {
  const page = state.mvcc.range(request.span, {
    at: request.revision,
    limit: request.countOnly ? 0 : request.limit,
    bytesMax: limits.listBytesMax,
    countAll: !request.continues,
  });
  if (page.type !== "page") return failed(revisionFailure(page, request));
  const kvs = request.keysOnly ? page.kvs.map(withoutValue) : page.kvs;
  return { type: "list", header, kvs, more: page.more && !request.countOnly, count: page.count };
}

export function answerWrite(request: WriteRequest, outcome: GroupOutcome, state: GroupState, node: NodeId): Reply {
  const header = headerOf(state, node, false);
  if (outcome.type === "refused") return failed(outcome.failure);
  if (outcome.type === "recalled") return answerRecalled(request as IdentifiableRequest, outcome.answer, state, header);
  if (outcome.type === "ownersSet") return { type: "setOwners", header, index: outcome.index };
  if (outcome.type === "sessionOpened") return { ...outcome, type: "openSession", header };
  if (outcome.type === "sessionClosed") return { type: "closeSession", header };
  if (outcome.type === "transacted") return answerTransact(outcome, header);
  if (request.type === "wish") return { type: "wish", header };
  if (outcome.type === "prepared") return { type: "prepare", header, vote: outcome.vote };
  if (outcome.type === "finished") return { type: "finish", header: { ...header, revision: outcome.revision } };
  if (outcome.type === "decided") {
    return request.type === "configure" ? { type: "configure", header } : { type: "compact", header };
  }
  if (outcome.type !== "written") return present(answerLeaseWrite(outcome, header), `an answer of ${outcome.type}`);
  const written = { ...header, revision: outcome.revision };
  const returnsPrevious = (request.type === "put" || request.type === "delete") && request.returnPrevious;
  const previous = returnsPrevious ? outcome.replaced : [];
  if (request.type === "delete") return { type: "delete", header: written, deleted: outcome.replaced.length, previous };
  return { type: "put", header: written, previous: previous[0] ?? null };
}

function answerTransact(outcome: GroupOutcome & { readonly type: "transacted" | "refused" }, header: Header): Reply {
  if (outcome.type === "refused") return failed(outcome.failure);
  const { succeeded, revision, results } = outcome;
  const { group, incarnation } = header;
  const parts = [{ group, incarnation, revision, results }];
  return { type: "transact", header: { ...header, revision }, succeeded, parts };
}

/** A transaction without a record was aborted: before its record goes, all who take part have carried out the decision. */
function decisionOn(id: TransactionId, { transactions }: GroupState): Decision | null {
  const record = transactions.record(id);
  return record === null ? "aborted" : record.decision;
}

/** Of the only group, or the one that coordinates. */
export function firstPart({ parts }: TransactRequest): Part {
  return present(parts[0], "the part of a transaction");
}

/** Who would have to answer for the group to have a quorum. */
export interface QuorumView {
  readonly hasQuorum: boolean;
  readonly needed: number;
  readonly missing: readonly NodeId[];
}

export function groupStatusOf(
  replica: GroupReplica,
  node: NodeId,
  quorum: QuorumView,
): Omit<GroupStatus, "compared" | "hindrance" | "resources" | "minimumMissing"> {
  const { state, status, record } = replica;
  const { object, ownership, mvcc } = state;
  return {
    object,
    node,
    manager: status.leader,
    term: status.term,
    ownership,
    ...quorum,
    verdicts: state.verdicts(),
    revision: mvcc.revision,
    compactedRevision: mvcc.floor,
    applied: record.index,
    commit: status.commit,
    stateHash: record.stateHash,
    keys: mvcc.keyCount,
    bytes: mvcc.bytes,
    replicas: status.peers.map((peer) => ({ node: peer.peer, matched: peer.matched, state: peer.state })),
    membership: status.membership,
    membershipIndex: status.membershipIndex,
    isDegraded: status.standIn !== null,
    openTransactions: state.transactions.open,
    placement: state.placement,
    dispute: state.dispute,
  };
}

function revisionFailure(reason: RevisionFailure, request: GroupRequest): Failure {
  const { group } = request;
  const wanted = "revision" in request ? request.revision : null;
  if (reason.type === "compacted") {
    const message = `Revision ${wanted} is compacted, the oldest that can be read is ${reason.floor}`;
    return failure("compacted", message, { group, revision: String(reason.floor) });
  }
  const message = `Revision ${wanted} is not written yet, the newest is ${reason.newest}`;
  return failure("future_revision", message, { group, revision: String(reason.newest) });
}

function withoutValue(kv: KeyValue): KeyValue {
  return { ...kv, value: new Uint8Array(0) };
}
