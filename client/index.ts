// What programs import from `bailiwick`: the client library.

// For every program.
export type { ErrorCode, ErrorDetails } from "../proto/errors.ts";
export { DbError } from "../proto/errors.ts";
export type { KeyValue } from "../proto/model.ts";
export type { RequestOptions } from "./caller.ts";
export { Client, type ClientOptions } from "./client.ts";
export type {
  ClusterRecovered,
  ClusterRecovery,
  CreatedGroup,
  EventsAnswer,
  GroupAnswer,
  GroupChanged,
  GroupRecovered,
  GroupRecovery,
  GroupsAnswer,
  NewGroup,
  NewOwners,
  NodeAnswer,
  NodeDrain,
  NodeDrained,
  NodesAnswer,
  NodeUndrain,
  SphereAnswer,
  StatusAnswer,
} from "./cluster-calls.ts";
export type { Election, Leader, Leadership } from "./election.ts";
export type { KeptLease, KeptLeaseOptions } from "./kept-lease.ts";
export type {
  DeleteAnswer,
  Entry,
  GetAnswer,
  ListOptions,
  ListPage,
  PutAnswer,
  PutOptions,
  ReadOptions,
  WriteOptions,
} from "./key-value-calls.ts";
export type { AnswerHeader, Bytes, KeySelection } from "./key-values.ts";
export type { Lease, LeaseAnswer, LeaseGranted, LeasePage, LeaseRevoked, NewLease } from "./lease-calls.ts";
export type { Lock, LockOptions } from "./lock.ts";
export type {
  GroupErrorCleared,
  GroupExplained,
  GroupFreeze,
  GroupMove,
  GroupPlaced,
  GroupStart,
  GroupStop,
  GroupUnfreeze,
} from "./placement-calls.ts";
export type { Plain } from "./plain.ts";
export { defaultRetry, type RetryOptions } from "./retry.ts";
export type {
  ClusterNotice,
  GroupNotice,
  GroupState,
  NodeNotice,
  NodeState,
  ToldClusterEvent,
  WatchClusterOptions,
  WatchGroupOptions,
  WatchNodesOptions,
} from "./status-watch.ts";
export type {
  Compared,
  Comparison,
  Operation,
  OperationResult,
  TransactAnswer,
  Transaction,
  TransactOptions,
} from "./transact-calls.ts";
export { type ClientError, type ClientErrorCode, type ClientFailure, UnreachableError } from "./unreachable-error.ts";
export type { WatchedEvent, WatchNotice, WatchOptions } from "./watch.ts";

// For tests of programs that use it, and for other ways to reach a node.

export type { ClientClock } from "./clock.ts";
export { createInProcessTransport, type InProcessService, inProcessService } from "./in-process-transport.ts";
export type { CallOptions, Connect, MessageStream, Transport } from "./transport.ts";
