// Random domain values for fast-check: everything that nodes may say to each other or keep on disk, within its limits.

import fc, { type Arbitrary } from "fast-check";
import type {
  ClusterCommand,
  Compare,
  GroupCommand,
  IdentifiableCommand,
  VerdictChange,
  Write,
} from "../../../proto/commands.ts";
import { type ErrorCode, type ErrorDetails, errorCodes, type Failure } from "../../../proto/errors.ts";
import {
  type ClusterId,
  type Epoch,
  type GroupId,
  isName,
  type LogIndex,
  type NodeId,
  type Revision,
  toMemberId,
  toTerm,
} from "../../../proto/ids.ts";
import type { Lease, LeaseRef, LeaseRemaining, LeaseStatus } from "../../../proto/leases.ts";
import type { Learner, Membership, Voter } from "../../../proto/membership.ts";
import type { Envelope, PeerMessage, Start, StateRow, StatusVersion, Vouch } from "../../../proto/messages.ts";
import {
  type AppliedRecord,
  type ClusterChange,
  type ClusterEvent,
  type DirectoryEntry,
  type GroupKey,
  type GroupObject,
  type GroupRecovery,
  type GroupSummary,
  intents,
  type KeptIntent,
  type KeySpan,
  type KeyValue,
  type NodeIntent,
  type NodeRecord,
  type OwnerIntent,
  type Ownership,
  ownershipStates,
  recoveryStatuses,
  type StateHashes,
  type StatusComponent,
} from "../../../proto/model.ts";
import {
  type Candidate,
  componentStates,
  decisionKinds,
  type Explanation,
  type Factor,
  type FenceOrder,
  type FenceOutcome,
  factorKinds,
  type GroupError,
  type GroupPlace,
  type GroupReport,
  type GroupWish,
  type OwnerStart,
  type OwnershipGrant,
  type PerformanceSample,
  type Placement,
  type PlacementDecision,
  type Reservation,
  type ResourceReport,
  type Trigger,
} from "../../../proto/placement.ts";
import type { LeaseTerms } from "../../../proto/policies.ts";
import type { Entry, EntryId, LogSlice, RaftMessage } from "../../../proto/raft.ts";
import type {
  ClusterStatus,
  Fence,
  GroupStatus,
  Header,
  IdentifiableRequest,
  KeyEvent,
  Move,
  NodeSelf,
  NodeState,
  NodeStatus,
  NodesPosition,
  Reply,
  Request,
  StatusMark,
  WatchMessage,
} from "../../../proto/requests.ts";

import type { RememberedAnswer, RememberedOutcome, RequestIdentity, SessionRecord } from "../../../proto/sessions.ts";
import type {
  ClosedTransactions,
  Comparison,
  Operand,
  Operation,
  OperationResult,
  Part,
  PartResult,
  PreparedTransaction,
  Target,
  TransactionId,
  TransactionRecord,
  Vote,
} from "../../../proto/transactions.ts";

/** The shape of `Union` whose `type` is `Type`, as arbitraries of its other properties. */
type Parts<Union extends { readonly type: string }, Type extends Union["type"]> = {
  readonly [Name in keyof Omit<Extract<Union, { readonly type: Type }>, "type">]: Arbitrary<
    Extract<Union, { readonly type: Type }>[Name]
  >;
};

/** One arbitrary for every member of a union; the compiler proves that none is forgotten. */
function anyOf<Union extends { readonly type: string }>(
  members: {
    readonly [Type in Union["type"]]: Parts<Union, Type>;
  },
): Arbitrary<Union> {
  const records = Object.entries<object>(members).map(([type, parts]) =>
    fc.record({ type: fc.constant(type), ...parts }, { noNullPrototype: true }),
  );
  return fc.oneof(...records) as unknown as Arbitrary<Union>;
}

function shape<Domain>(parts: { readonly [Name in keyof Domain]: Arbitrary<Domain[Name]> }): Arbitrary<Domain> {
  return fc.record(parts, { noNullPrototype: true }) as Arbitrary<Domain>;
}

const quantity = <Quantity extends number>(least = 0): Arbitrary<Quantity> =>
  fc.oneof(
    fc.integer({ min: least, max: 300 }),
    fc.maxSafeNat().map((value) => Math.max(least, value)),
  ) as Arbitrary<number> as Arbitrary<Quantity>;
const name = <Name extends string>(): Arbitrary<Name> =>
  fc.stringMatching(/^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/).filter(isName) as Arbitrary<string> as Arbitrary<Name>;
const few = <Item>(item: Arbitrary<Item>): Arbitrary<readonly Item[]> => fc.array(item, { maxLength: 4 });
const maybe = <Item>(item: Arbitrary<Item>): Arbitrary<Item | null> => fc.option(item, { nil: null });
const bytes = fc.uint8Array({ maxLength: 40 });
const command = bytes.map(notControl);
const text = fc.string({ unit: "grapheme", maxLength: 60 });
const flag = fc.boolean();
const node = name<NodeId>();
const group = name<GroupId>();
const hexadecimal = (digits: number) =>
  fc.array(fc.constantFrom(..."0123456789abcdef"), { minLength: digits, maxLength: digits }).map((all) => all.join(""));
const stateHash = fc.oneof(fc.constant(""), hexadecimal(16));
const cluster = hexadecimal(32) as Arbitrary<string> as Arbitrary<ClusterId>;
const status = fc.constantFrom(...recoveryStatuses);
const ownershipState = fc.constantFrom(...ownershipStates);
const intent = fc.constantFrom(...intents);
const groupKey = { group, incarnation: quantity<GroupKey["incarnation"]>(1) };

const keyValue = shape<KeyValue>({
  key: bytes,
  value: bytes,
  createRevision: quantity(),
  modRevision: quantity(),
  version: quantity(),
  lease: quantity(),
});
const span = shape<KeySpan>({ start: bytes, end: maybe(bytes) });
export const statusComponent = shape<StatusComponent>({ ...groupKey, node, index: quantity(), status, reason: text });
export const ownership = shape<Ownership>({
  currentOwner: maybe(node),
  epoch: quantity(),
  state: ownershipState,
  reason: text,
});
export const groupSummary = shape<GroupSummary>({
  ...groupKey,
  index: quantity(),
  owners: few(node),
  ownership,
  placement: bytes,
});
export const groupObject = shape<GroupObject>({ ...groupKey, owners: few(node), config: bytes });
export const directoryEntry = shape<DirectoryEntry>({ ...groupKey, owners: few(node), index: quantity() });
export const nodeRecord = shape<NodeRecord>({
  node,
  identity: text,
  peerAddress: text,
  apiAddress: text,
  labels: few(fc.tuple(text, text)),
  capacity: few(fc.tuple(text, quantity<number>())),
});
export const ownerIntent = shape<OwnerIntent>({ node, wanted: intent, reason: text, after: quantity() });
export const nodeIntent = shape<NodeIntent>({
  node,
  wanted: intent,
  reason: text,
  index: quantity(),
  pending: few(group),
});
const kept = shape<KeptIntent>({ node, group, index: quantity() });
const clusterChange = anyOf<ClusterChange>({
  nodeDrained: { node, reason: text },
  nodeUndrained: { node, reason: text },
  nodeFailed: { node, reason: text },
  nodeReintegrated: { node, reason: text },
  groupCreated: { entry: directoryEntry },
  ownersChanged: { entry: directoryEntry },
  groupRecovered: { entry: directoryEntry, from: node, reason: text },
  votersChanged: { left: few(node), joined: few(node), by: node, reason: text },
  clusterRecovered: { incarnation: groupKey.incarnation, from: node, voters: few(node), reason: text },
});
export const groupRecovery = shape<GroupRecovery>({
  incarnation: groupKey.incarnation,
  from: node,
  owners: few(node),
});
export const clusterEvent = shape<ClusterEvent>({ index: quantity(), atMs: quantity(), change: clusterChange });
export const appliedRecord = shape<AppliedRecord>({
  index: quantity(),
  term: quantity(),
  revision: quantity(),
  floor: quantity(),
  stateHash,
});

const hash64 = hexadecimal(16);
export const stateHashes = shape<StateHashes>({
  index: quantity(),
  hashes: few(shape<StateHashes["hashes"][number]>({ node, hash: hash64 })),
});

const write = anyOf<Write>({ put: { key: bytes, value: bytes, lease: quantity() }, delete: { span } });
const compare = anyOf<Compare>({ modRevision: { key: bytes, revision: quantity() } });
const target = anyOf<Target>({ key: { key: bytes }, span: { span } });
const operand = anyOf<Operand>({
  value: { value: bytes },
  version: { number: quantity() },
  createRevision: { number: quantity() },
  modRevision: { number: quantity() },
  lease: { number: quantity() },
});
const comparison = shape<Comparison>({
  target,
  relation: fc.constantFrom("equal" as const, "notEqual" as const, "greater" as const, "less" as const),
  operand,
});
const operation = anyOf<Operation>({
  get: { key: bytes },
  list: { span, limit: quantity(), keysOnly: flag, countOnly: flag },
  put: { key: bytes, value: bytes, lease: quantity(), returnPrevious: flag },
  delete: { span, returnPrevious: flag },
  intend: { node, wanted: intent, reason: text, after: quantity() },
});
const part = shape<Part>({
  group,
  comparisons: few(comparison),
  fence: maybe(quantity()),
  success: few(operation),
  failure: few(operation),
});
const operationResult = anyOf<OperationResult>({
  get: { kv: maybe(keyValue) },
  list: { kvs: few(keyValue), more: flag, count: quantity() },
  put: { previous: maybe(keyValue) },
  delete: { deleted: quantity(), previous: few(keyValue) },
  intend: {},
});
const transactionId = shape<TransactionId>({ ...groupKey, index: quantity() });
const decision = fc.constantFrom("success" as const, "failure" as const, "aborted" as const);
const vote = shape<Vote>({ holds: flag, success: few(operationResult), failure: few(operationResult) });
export const transactionRecord = shape<TransactionRecord>({
  id: transactionId,
  groups: few(group),
  decision: maybe(decision),
});
export const preparedTransaction = shape<PreparedTransaction>({ id: transactionId, part });
export const closedTransactions = shape<ClosedTransactions>({
  ...groupKey,
  floor: quantity(),
  closed: few(shape<ClosedTransactions["closed"][number]>({ index: quantity(), revision: quantity() })),
});
const partResult = shape<PartResult>({
  group,
  incarnation: quantity(),
  revision: quantity(),
  results: few(operationResult),
});
export const lease = shape<Lease>({
  id: quantity(),
  ttlMs: quantity(),
  remainingMs: maybe(quantity()),
  renewedAt: quantity(),
});
const leaseRef = shape<LeaseRef>({ id: quantity(), renewedAt: quantity() });
const leaseStatus = shape<LeaseStatus>({
  id: quantity(),
  grantedTtlMs: quantity(),
  ttlMs: quantity(),
  keyCount: quantity(),
});
const amounts = fc
  .uniqueArray(fc.tuple(name(), quantity<number>()), { selector: ([dimension]) => dimension, maxLength: 3 })
  .map((all) => new Map(all));
const sample = shape<PerformanceSample>({
  node,
  atMs: quantity(),
  ageMs: quantity(),
  load: amounts,
  capacity: amounts,
});
const leaseTerms = shape<LeaseTerms>({
  ttlMs: quantity(),
  renewIntervalMs: quantity(),
  stopBudgetMs: quantity(),
  clockRateError: fc.constantFrom(0.05, 0.1, 0.5),
  isEndless: flag,
});
const groupError = shape<GroupError>({ node, resource: name(), reason: text, atMs: quantity() });
const groupWish = anyOf<GroupWish>({
  move: { to: maybe(node), ifEpoch: maybe(quantity<Epoch>()) },
  start: { on: maybe(node) },
  stop: {},
  freeze: { reason: text },
  unfreeze: {},
  clearError: { forgetMoves: flag },
  confirm: { onlyOn: node, ifEpoch: maybe(quantity<Epoch>()), reason: text, atMs: quantity<number>() },
});
const placementDecision = shape<PlacementDecision>({
  index: quantity(),
  atMs: quantity(),
  epoch: maybe(quantity()),
  from: maybe(node),
  to: maybe(node),
  isWish: flag,
  reason: text,
  samples: few(sample),
  what: maybe(fc.constantFrom(...decisionKinds)),
  manager: maybe(node),
  who: text,
});
const ownerStart = shape<OwnerStart>({ node, boot: quantity(1) });
export const placement = shape<Placement>({
  intent: shape<Placement["intent"]>({ isOnline: flag, frozen: maybe(text), pinnedTo: maybe(node) }),
  lease: maybe(leaseTerms),
  move: maybe(fc.record({ to: maybe(node) }, { noNullPrototype: true })),
  target: maybe(node),
  error: maybe(groupError),
  bans: few(groupError),
  movesMs: few(quantity<number>()),
  decisions: few(placementDecision),
  starts: few(ownerStart),
  notes: few(placementDecision),
});
const resource = {
  resource: name(),
  state: fc.constantFrom(...componentStates),
  epoch: quantity<Epoch>(),
  reason: text,
  exitStatus: quantity<number>(),
  restarts: quantity<number>(),
  atMs: quantity<number>(),
  sinceMs: quantity<number>(),
};
const groupReport = shape<GroupReport>({
  group,
  epoch: quantity(),
  renews: flag,
  state: fc.constantFrom("acquiring", "online", "releasing", "offline", "error"),
  resources: few(shape<ResourceReport>(resource)),
  fence: maybe(shape<FenceOutcome>({ order: name(), exitStatus: quantity(), reason: text })),
});
const grant = shape<OwnershipGrant>({
  group,
  epoch: quantity(),
  isGranted: flag,
  ttlMs: quantity(),
  stopBudgetMs: quantity(),
  wanted: fc.constantFrom("online", "offline"),
  reason: text,
  isEndless: flag,
  isRevoked: flag,
  fence: maybe(
    shape<FenceOrder>({ order: name(), node, epoch: quantity(), command: few(text), timeoutMs: quantity() }),
  ),
});
const reservation = shape<Reservation>({
  ...groupKey,
  epoch: quantity(),
  demand: amounts,
  sameNode: few(group),
  differentNode: few(group),
});
const explanation = shape<Explanation>({
  summary: text,
  candidates: few(
    shape<Candidate>({
      node,
      rank: quantity(),
      factors: few(shape<Factor>({ kind: fc.constantFrom(...factorKinds), excludes: flag, reason: text })),
      sample: maybe(sample),
    }),
  ),
  triggers: few(shape<Trigger>({ event: text, to: maybe(node), atMs: maybe(quantity()) })),
  decisions: few(placementDecision),
});
const verdictChange = shape<VerdictChange>({ node, status, reason: text });
const requestIdentity = shape<RequestIdentity>({ session: name(), sequence: quantity() });
export const sessionRecord = shape<SessionRecord>({ session: name(), ttlMs: quantity(), floor: quantity() });
const identifiableCommands = {
  write: { compares: few(compare), fence: maybe(quantity<Epoch>()), writes: few(write), returnsRemoved: flag },
  transact: { part },
  begin: { groups: few(group), part },
  compact: { revision: quantity<Revision>() },
  grantLease: { id: quantity(), ttlMs: quantity() },
  revokeLease: { id: quantity() },
  setOwners: { owners: few(node), ifIndex: maybe(quantity<LogIndex>()) },
  wish: { wish: groupWish, who: text, why: text, manager: maybe(node), atMs: quantity() },
};
export const groupCommand = anyOf<GroupCommand>({
  ...identifiableCommands,
  identified: { identity: requestIdentity, digest: hash64, command: anyOf<IdentifiableCommand>(identifiableCommands) },
  openSession: { session: name(), ttlMs: quantity() },
  closeSession: { session: name() },
  expireSessions: { sessions: few(requestIdentity) },
  decide: { id: transactionId, decision },
  forget: { id: transactionId },
  prepare: { id: transactionId, part, floor: quantity() },
  finish: { id: transactionId, decision, floor: quantity() },
  verdicts: { changes: few(verdictChange) },
  own: {
    currentOwner: maybe(node),
    epoch: quantity(),
    state: ownershipState,
    reason: text,
    manager: maybe(node),
    atMs: quantity(),
  },
  assign: {
    owner: node,
    epoch: quantity(),
    reason: text,
    atMs: quantity(),
    isMove: flag,
    isWish: flag,
    lease: leaseTerms,
    samples: few(sample),
    manager: maybe(node),
  },
  advance: {
    owner: maybe(node),
    to: maybe(node),
    epoch: quantity(),
    state: ownershipState,
    reason: text,
    atMs: quantity(),
    manager: maybe(node),
  },
  failPlacement: { epoch: quantity(), error: groupError, isFinal: flag, manager: maybe(node) },
  noteStarts: { epoch: quantity(), starts: few(ownerStart) },
  configure: { config: bytes },
  dispute: { hashes: stateHashes },
  settle: { index: quantity() },
  renewLease: { id: quantity() },
  expireLeases: { term: quantity(), leases: few(leaseRef) },
  checkpointLeases: {
    leases: few(shape<LeaseRemaining>({ lease: leaseRef, remainingMs: quantity() })),
  },
});
export const clusterCommand = anyOf<ClusterCommand>({
  events: { atMs: quantity(), changes: few(clusterChange) },
  createGroup: { atMs: quantity(), entry: directoryEntry },
  ownersChanged: { atMs: quantity(), entries: few(directoryEntry) },
  recoverGroup: { atMs: quantity(), group, recovery: groupRecovery, reason: text },
  intendNode: { atMs: quantity(), node, wanted: intent, reason: text },
  intentsKept: { kept: few(kept) },
  votersChanged: { atMs: quantity(), by: node, reason: text },
  verdicts: { atMs: quantity(), changes: few(verdictChange) },
});

const entryId: Arbitrary<EntryId> = shape<EntryId>({ term: quantity(), index: quantity() });
const entry: Arbitrary<Entry> = shape<Entry>({ term: quantity(), index: quantity(), payload: command });
const bigStep = fc.integer({ min: 0, max: 2 ** 40 });

/** Keeps the three guarantees of a slice: contiguous, terms that never fall, nothing before the log. */
export const logSlice: Arbitrary<LogSlice> = fc
  .record({ index: bigStep, term: bigStep, steps: few(fc.tuple(fc.integer({ min: 0, max: 3 }), command)) })
  .map(({ index, term, steps }) => {
    const previous = (index === 0 ? { term: 0, index: 0 } : { term: term + 1, index }) as EntryId;
    let last = previous.term as number;
    const entries = steps.map(([step, payload], position) => {
      last += step;
      return { term: last, index: previous.index + 1 + position, payload } as Entry;
    });
    return { previous, entries };
  });

/** A first byte of zero marks what the core says of the log; that has arbitraries of its own. */
function notControl(payload: Uint8Array): Uint8Array {
  return payload[0] === 0 ? payload.map((byte, at) => (at === 0 ? 1 : byte)) : payload;
}

/** No entry of any `logSlice` is of a later one. */
const laterTerm = fc.integer({ min: 0, max: 2 ** 40 }).map((step) => toTerm(2 ** 42 + step));

const raft: { readonly [Type in RaftMessage["type"]]: Parts<RaftMessage, Type> } = {
  preVote: { term: quantity(), last: entryId, subterm: quantity(), isTransfer: flag },
  preVoteReply: { term: quantity(), granted: flag },
  vote: { term: quantity(), last: entryId, subterm: quantity(), isTransfer: flag },
  voteReply: { term: quantity(), granted: flag },
  append: { term: laterTerm, slice: logSlice, commit: quantity() },
  appendReply: { term: quantity(), matched: quantity() },
  appendReject: { term: quantity(), rejected: quantity(), last: entryId, isBlank: flag },
  beat: { term: quantity(), round: quantity(), commit: quantity(), last: quantity() },
  beatReply: { term: quantity(), round: quantity(), matched: quantity() },
  timeoutNow: { term: quantity() },
  standIn: { term: quantity(), subterm: quantity(), owners: few(node) },
  standInReply: { term: quantity(), subterm: quantity() },
};
const raftMessage = anyOf<RaftMessage>(raft);
type Beat = RaftMessage & { type: "beat" };
type BeatReply = RaftMessage & { type: "beatReply" };
const beat = fc.record({ type: fc.constant("beat"), ...raft.beat }, { noNullPrototype: true }) as Arbitrary<Beat>;
const beatReply = fc.record(
  { type: fc.constant("beatReply"), ...raft.beatReply },
  { noNullPrototype: true },
) as Arbitrary<BeatReply>;

const fence = maybe(shape<Fence>({ group, epoch: quantity() }));
const consistency = fc.constantFrom("linearizable" as const, "local" as const);
const ifModRevision = maybe(quantity<KeyValue["modRevision"]>());
const nodesPosition = shape<NodesPosition>({
  groups: few(shape<StatusMark>({ ...groupKey, index: quantity() })),
  clusterIndex: quantity(),
  sphere: maybe(node),
});
const nodeState = shape<NodeState>({
  record: nodeRecord,
  status,
  components: few(statusComponent),
  groups: few(group),
});
const identifiableRequests = {
  put: { group, key: bytes, value: bytes, lease: quantity(), ifModRevision, fence, returnPrevious: flag },
  transact: { group, parts: few(part) },
  delete: { group, span, ifModRevision, fence, returnPrevious: flag },
  compact: { group, revision: quantity<Revision>() },
  grantLease: { group, id: maybe(quantity<number>()), ttlMs: quantity() },
  revokeLease: { group, id: quantity() },
  setOwners: { group, owners: few(node), ifIndex: maybe(quantity<LogIndex>()), validateOnly: flag },
  wish: { group, wish: groupWish, validateOnly: flag, who: text, why: text },
};
export const request = anyOf<Request>({
  ...identifiableRequests,
  identified: { group, identity: requestIdentity, request: anyOf<IdentifiableRequest>(identifiableRequests) },
  openSession: { group, session: maybe(name()), ttlMs: quantity() },
  closeSession: { group, session: name() },
  renewOwnership: { group, node, report: groupReport, isLeaving: flag },
  explainGroup: { group, decisions: quantity() },
  foreseeDrain: { group, node, places: few(shape<GroupPlace>({ group, node: maybe(node) })) },
  reportResources: { node, agent: name(), groups: few(groupReport), isComplete: flag, isLeaving: flag },
  reportPerformance: { sample },
  awaitOwnership: { node, after: quantity() },
  reserve: { node, reservation, validateOnly: flag },
  get: { group, key: bytes, revision: maybe(quantity()), consistency },
  list: {
    group,
    span,
    revision: maybe(quantity()),
    consistency,
    limit: quantity(),
    keysOnly: flag,
    countOnly: flag,
    continues: flag,
  },
  prepare: { group, id: transactionId, part, floor: quantity() },
  finish: { group, id: transactionId, decision, floor: quantity() },
  decision: { group, id: transactionId },
  configure: { group, config: bytes },
  groupStatus: { group },
  keepAliveLease: { group, id: quantity() },
  getLease: { group, id: quantity(), keys: flag },
  listLeases: { group, after: quantity(), limit: quantity() },
  watch: {
    group,
    span,
    startRevision: maybe(quantity()),
    puts: flag,
    deletes: flag,
    previousValues: flag,
    withoutExpiries: flag,
    progressIntervalMs: quantity(),
    initial: flag,
    bufferBytesMax: quantity(),
  },
  createGroup: { group, owners: few(node), validateOnly: flag },
  recoverGroup: { group, from: node, owners: few(node), reason: text, validateOnly: flag },
  refoundGroup: { group, recovery: groupRecovery, reason: text },
  recoverCluster: { from: node, voters: few(node), reason: text, validateOnly: flag },
  refoundCluster: { node, incarnation: groupKey.incarnation, voters: few(node), reason: text },
  replicaStatus: { group, node },
  drainNode: { node, wanted: intent, reason: text, skipUnavailable: flag, validateOnly: flag },
  intendNode: { node, wanted: intent, reason: text },
  clusterStatus: {},
  nodeStatus: { node },
  directory: {},
  nodeSelf: { node },
  clusterEvents: { after: quantity(), limit: quantity() },
  watchGroup: {
    group,
    startIndex: maybe(quantity()),
    initial: flag,
    includeProgress: flag,
    progressIntervalMs: quantity(),
  },
  watchNodes: { nodes: few(node), after: maybe(nodesPosition), initial: flag, progressIntervalMs: quantity() },
  watchCluster: { startIndex: maybe(quantity()), initial: flag, progressIntervalMs: quantity() },
});

const detail = { group: text, node: text, field: text, missing: text, leader: text, revision: text, key: text };
const details = fc.record(detail, { requiredKeys: [], noNullPrototype: true }) as Arbitrary<ErrorDetails>;
const failure = shape<Failure>({
  code: fc.constantFrom(...(Object.keys(errorCodes) as ErrorCode[])),
  message: text,
  details,
  effect: fc.constantFrom("none", "unknown"),
});
const rememberedOutcome = anyOf<RememberedOutcome>({
  refused: { failure },
  decided: {},
  written: { revision: quantity(), replaced: quantity() },
  transacted: { succeeded: flag, revision: quantity(), isMade: flag },
  begun: { id: transactionId },
  concluded: { id: transactionId, decision, revision: quantity(), isMade: flag },
  leaseGranted: { id: quantity(), ttlMs: quantity() },
  leaseRevoked: { revision: quantity(), deleted: quantity() },
  ownersWanted: { owners: few(node) },
  ownersSet: { index: quantity() },
});
export const rememberedAnswer = shape<RememberedAnswer>({
  identity: requestIdentity,
  digest: hash64,
  incarnation: quantity(1),
  index: quantity(),
  outcome: rememberedOutcome,
});
const header = shape<Header>({ ...groupKey, revision: quantity(), node, stale: flag });
const memberNumber = fc.integer({ min: 1, max: 99 }).map(toMemberId);
const learners = few(shape<Learner>({ node, member: memberNumber }));
const voters = few(shape<Voter>({ node, member: memberNumber, votes: fc.nat(100), isWitness: flag }));
const membership = shape<Membership>({
  owners: few(node),
  voters,
  outgoing: voters,
  learners,
  learnersNext: learners,
  target: maybe(voters),
  nextMember: memberNumber,
});
const groupStatus = shape<GroupStatus>({
  membership,
  membershipIndex: quantity(),
  isDegraded: flag,
  hindrance: text,
  openTransactions: quantity(),
  dispute: maybe(stateHashes),
  compared: maybe(stateHashes),
  minimumMissing: few(text),
  placement,
  resources: few(shape<GroupStatus["resources"][number]>({ ...resource, node })),
  object: groupObject,
  node,
  manager: maybe(node),
  term: quantity(),
  ownership,
  hasQuorum: flag,
  needed: quantity(),
  missing: few(node),
  verdicts: few(statusComponent),
  revision: quantity(),
  compactedRevision: quantity(),
  applied: quantity(),
  commit: quantity(),
  stateHash,
  keys: quantity(),
  bytes: quantity(),
  replicas: few(shape<GroupStatus["replicas"][number]>({ node, matched: quantity(), state: text })),
});
const nodeSelf = shape<NodeSelf>({
  node,
  boot: quantity(1),
  uptimeMs: quantity(),
  clusterIndex: quantity(),
  quarantine: maybe(text),
  connected: few(node),
  summaries: few(groupSummary),
  statuses: few(statusComponent),
  counters: few(fc.tuple(text, fc.oneof(fc.maxSafeInteger(), fc.constant(0.5)))),
  diskFreeBytes: maybe(quantity()),
  writesRefused: maybe(text),
});
const nodeStatus = shape<NodeStatus>({
  record: nodeRecord,
  status,
  components: few(statusComponent),
  sphere: few(node),
  groups: few(group),
  self: maybe(nodeSelf),
  intent: maybe(nodeIntent),
});
const clusterStatus = shape<ClusterStatus>({
  cluster,
  node,
  clusterIndex: quantity(),
  coordinator: maybe(node),
  voters: few(node),
  nodes: few(nodeStatus),
  groups: few(groupStatus),
  unreachableGroups: few(group),
  unreachableNodes: few(node),
  events: few(clusterEvent),
});
export const reply = anyOf<Reply>({
  openSession: { header, session: name(), ttlMs: quantity(), sequence: quantity() },
  closeSession: { header },
  transact: { header, succeeded: flag, parts: few(partResult) },
  prepare: { header, vote },
  finish: { header },
  decision: { header, decision: maybe(decision) },
  setOwners: { header, index: quantity() },
  failed: { failure },
  get: { header, kv: maybe(keyValue) },
  list: { header, kvs: few(keyValue), more: flag, count: quantity() },
  put: { header, previous: maybe(keyValue) },
  delete: { header, deleted: quantity(), previous: few(keyValue) },
  compact: { header },
  configure: { header },
  wish: { header },
  renewOwnership: { header, grant },
  explainGroup: { header, explanation },
  foreseeDrain: { header, node: maybe(node), reason: text },
  reportResources: { grants: few(grant), unreachable: few(group) },
  reportPerformance: { intervalMs: quantity() },
  awaitOwnership: { change: quantity() },
  reserve: { isAdmitted: flag, reason: text },
  groupStatus: { status: groupStatus },
  grantLease: { header, lease: leaseStatus },
  keepAliveLease: { header, id: quantity(), ttlMs: quantity() },
  revokeLease: { header, deleted: quantity() },
  getLease: { header, lease: leaseStatus, keys: few(bytes) },
  listLeases: { header, leases: few(leaseStatus), more: flag },
  createGroup: { entry: directoryEntry },
  recoverGroup: { entry: directoryEntry, losses: few(text) },
  refoundGroup: { entry: directoryEntry },
  recoverCluster: { incarnation: groupKey.incarnation, voters: few(node), losses: few(text) },
  refoundCluster: { incarnation: groupKey.incarnation },
  replicaStatus: { status: groupStatus, last: quantity() },
  drainNode: {
    moves: few(shape<Move>({ group, from: node, to: maybe(node), reason: text })),
    unreachable: few(group),
  },
  intendNode: { intent: nodeIntent },
  clusterStatus: { status: clusterStatus },
  nodeStatus: { status: nodeStatus },
  directory: { nodes: few(nodeRecord), groups: few(directoryEntry) },
  nodeSelf: { self: nodeSelf },
  clusterEvents: { events: few(clusterEvent), index: quantity() },
});
const keyEvent = shape<KeyEvent>({
  key: bytes,
  kv: maybe(keyValue),
  previous: maybe(keyValue),
  revision: quantity(),
  endedLease: quantity(),
});
export const watchMessage = anyOf<WatchMessage>({
  opened: { header, revision: quantity() },
  events: { revision: quantity(), events: few(keyEvent) },
  progress: { revision: quantity() },
  compacted: { floor: quantity() },
  canceled: { failure },
  initial: { revision: quantity(), page: quantity(), more: flag, events: few(keyEvent) },
  behind: { delivered: quantity(), newest: quantity() },
  groupState: { revision: quantity(), initial: flag, status: groupStatus },
  nodeStates: {
    revision: quantity(),
    initial: flag,
    more: flag,
    nodes: few(nodeState),
    departed: few(node),
    position: nodesPosition,
  },
  clusterEvents: { revision: quantity(), initial: flag, more: flag, events: few(clusterEvent) },
});

const rows = few(shape<StateRow>({ key: bytes, value: bytes }));
const call = quantity<number>();
const addressed = {
  ...groupKey,
  fromMember: fc.integer({ min: 1, max: 99 }).map(toMemberId),
  toMember: fc.nat(99).map(toMemberId),
};
const start = shape<Start>({ boot: quantity(1), nonce: hexadecimal(16), lap: quantity() });
const vouch = fc.option(shape<Vouch>({ groups: quantity(), digest: hexadecimal(16) }), { nil: null });
export const peerMessage = anyOf<PeerMessage>({
  raft: { ...addressed, message: raftMessage },
  beat: { sequence: quantity(), clusterIndex: quantity(), groups: few(shape({ ...addressed, beat })), vouch },
  beatEcho: {
    sequence: quantity(),
    clusterIndex: quantity(),
    quarantine: text,
    groups: few(shape({ ...addressed, reply: beatReply })),
    agreed: vouch,
  },
  snapshotPart: {
    ...addressed,
    term: quantity(),
    last: entryId,
    sequence: quantity(),
    rows,
    final: flag,
    stateHash,
  },
  snapshotAck: { ...addressed, term: quantity(), last: entryId, next: quantity() },
  invite: { ...addressed, isWitness: flag, lostIn: maybe(hexadecimal(16)) },
  departed: { ...addressed, index: quantity(), owners: few(node) },
  stateQuestion: { ...addressed, index: quantity(), format: quantity() },
  stateAnswer: { ...addressed, index: quantity(), format: quantity(), hash: hash64 },
  stateVerdict: { ...addressed, index: quantity(), format: quantity(), hash: hash64, holders: few(node) },
  replicaLost: { ...groupKey, member: memberNumber, start: hexadecimal(16) },
  ownersReport: { entry: directoryEntry },
  intentReport: { kept },
  statuses: { components: few(statusComponent), summaries: few(groupSummary) },
  performance: { sample },
  statusDigest: {
    versions: few(shape<StatusVersion>({ ...groupKey, node: maybe(node), index: quantity() })),
    answer: flag,
  },
  clusterNews: { term: quantity(), index: quantity(), entries: few(entry) },
  clusterPull: { after: quantity() },
  clusterEntries: { after: quantity(), entries: few(entry) },
  clusterState: { last: entryId, rows },
  verdictReport: { component: statusComponent },
  verdictPoll: { node, status },
  forward: { call, budgetMs: quantity(), request },
  forwardReply: { call, reply },
  forwardCancel: { call },
  forwardWatch: { call, message: watchMessage, part: quantity(), more: flag },
  forwardDrained: { call, through: quantity(), page: quantity() },
  hello: { lineage: few(start), answer: flag, isAnew: flag, anewSince: quantity() },
  helloAccepted: { start },
  helloRefused: { remembered: start },
  lap: { start },
});
export const envelope = shape<Envelope>({ cluster, from: node, boot: quantity(1), message: peerMessage });
