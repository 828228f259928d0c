// The client library's one class: key-values, watches, leases and locks, groups, nodes and the state of the cluster, through
// any of several endpoints. Values are plain; errors are typed by code and effect; what may be repeated is repeated until the time is up.

import { create } from "@bufbuild/protobuf";
import { SessionService } from "../proto/gen/bailiwick/v1/session_pb.ts";
import { Caller, type ClientParts, type RequestOptions } from "./caller.ts";
import { type ClientClock, systemClock } from "./clock.ts";
import * as cluster from "./cluster-calls.ts";
import { Election } from "./election.ts";
import { Endpoints } from "./endpoints.ts";
import {
  grantKept,
  type KeptLease,
  type KeptLeaseOptions,
  keepExisting,
  type LeaseParts,
  renewLease,
} from "./kept-lease.ts";
import * as keyValue from "./key-value-calls.ts";
import { type Bytes, fromWireInteger, type KeySelection } from "./key-values.ts";
import * as leases from "./lease-calls.ts";
import { clientLimits } from "./limits.ts";
import { type Lock, type LockOptions, takeLock } from "./lock.ts";
import { pipelined } from "./pipelined-transport.ts";
import * as placement from "./placement-calls.ts";
import { Renewals } from "./renewals.ts";
import { checkRetry, defaultRetry, type RetryOptions } from "./retry.ts";
import { type SessionCalls, Sessions } from "./sessions.ts";
import * as status from "./status-watch.ts";
import { checkTime } from "./times.ts";
import { type TransactAnswer, type Transaction, type TransactOptions, transact } from "./transact-calls.ts";
import type { Connect } from "./transport.ts";
import { type WatchNotice, type WatchOptions, watchKeys } from "./watch.ts";

export interface ClientOptions {
  /**
   * `host:port` of nodes, 1 to 64; asked in this order, each as long as it answers. About a group that is asked again its leader is
   * asked first, where that answers at one of them.
   */
  readonly endpoints: readonly string[];
  /** For a call with all its retries: above 0, up to 86,400,000; 5,000 by default. */
  readonly timeoutMs?: number;
  readonly retry?: RetryOptions;
  /**
   * Puts, deletions, transactions, grants of leases, changes of owners and what is wanted of an application are repeated too when
   * they may have happened, and are carried out once. The first one to a
   * group opens a session there, and each is remembered by the group for a while; false by default.
   */
  readonly retrySafe?: boolean;
  /** How endpoints are reached; over gRPC by default. */
  readonly connect?: Connect;
  readonly clock?: ClientClock;
  /** 0 to below 1, for the jitter of retries. */
  readonly random?: () => number;
}

/**
 * A connection to a cluster. Every call throws {@link DbError} with the code that common.proto lists, or
 * {@link UnreachableError} when no endpoint could be connected to and so nothing happened.
 */
export class Client implements AsyncDisposable {
  readonly #parts: ClientParts;
  readonly #caller: Caller;
  readonly #renewals: Renewals;

  /** Connects to nothing yet. @throws {DbError} `invalid_argument` for a malformed endpoint, timeout or retry */
  constructor(options: ClientOptions) {
    this.#parts = {
      endpoints: new Endpoints(options.endpoints, pipelined(options.connect ?? connectLazily)),
      clock: options.clock ?? systemClock,
      retry: checkRetry(options.retry ?? defaultRetry),
      random: options.random ?? Math.random,
      timeoutMs: checkTime(options.timeoutMs ?? clientLimits.timeoutMs, "timeoutMs"),
      sessions: options.retrySafe === true ? new Sessions(this.#sessionCalls()) : null,
    };
    this.#caller = new Caller(this.#parts);
    this.#renewals = new Renewals(this.#parts);
  }

  /** Reads one key. @throws {DbError} `compacted`, `future_revision` of `options.revision` */
  get(group: string, key: Bytes, options: keyValue.ReadOptions = {}): Promise<keyValue.GetAnswer> {
    return keyValue.get(this.#caller, { group, key }, options);
  }

  /** Pages of keys in byte order, all at the revision of the first page. */
  list(
    group: string,
    keys: KeySelection = { prefix: "" },
    options: keyValue.ListOptions = {},
  ): AsyncGenerator<keyValue.ListPage, void> {
    return keyValue.list(this.#caller, { group, keys }, options);
  }

  /** Writes one key. @throws {DbError} `condition_failed`, `fenced`, `not_found` of the lease, `outcome_unknown` */
  put(group: string, entry: keyValue.Entry, options: keyValue.PutOptions = {}): Promise<keyValue.PutAnswer> {
    return keyValue.put(this.#caller, { group, entry }, options);
  }

  /** Deletes one key or many, in one revision; deleting nothing is no error and makes no revision. */
  delete(group: string, keys: KeySelection, options: keyValue.WriteOptions = {}): Promise<keyValue.DeleteAnswer> {
    return keyValue.deleteKeys(this.#caller, { group, keys }, options);
  }

  /**
   * Compares, reads and writes at one point in time; all or nothing.
   *
   * @throws {DbError} `txn_conflict`: nothing was done; `fenced`, `outcome_unknown`; `invalid_argument` with the field's path
   */
  transact(transaction: Transaction, options: TransactOptions = {}): Promise<TransactAnswer> {
    return transact(this.#caller, transaction, options);
  }

  /** As {@link watchKeys}: resumes by itself, and throws `compacted` rather than leave a gap. */
  watch(group: string, options: WatchOptions = {}): AsyncGenerator<WatchNotice, void> {
    return watchKeys(this.#parts, group, options);
  }

  /**
   * Grants a lease and keeps it alive: `await using lease = await client.lease(...)`, and `put` with `{ lease: lease.id }`.
   *
   * @throws {DbError} `invalid_argument`, `overloaded`; nothing is left behind, or what is ends by itself
   */
  lease(group: string, options: KeptLeaseOptions): Promise<KeptLease> {
    return grantKept(this.#leaseParts, group, options);
  }

  /** Keeps a lease alive that exists. @throws {DbError} `not_found` */
  keepLease(group: string, id: number, options: RequestOptions = {}): Promise<KeptLease> {
    return keepExisting(this.#leaseParts, { group, id }, options);
  }

  /** Grants a lease that nobody keeps alive. @throws {DbError} `already_exists` of `id`, `overloaded`, `outcome_unknown` */
  grantLease(group: string, lease: leases.NewLease, options: RequestOptions = {}): Promise<leases.LeaseGranted> {
    return leases.grantLease(this.#caller, { ...lease, group }, options);
  }

  /** Renews a lease once. @returns what it has then, from when it was asked for. @throws {DbError} `not_found` */
  async renewLease(group: string, id: number, options: RequestOptions = {}): Promise<{ readonly ttlMs: number }> {
    const { ttlMs } = await renewLease(this.#leaseParts, { group, id }, options);
    return { ttlMs };
  }

  /** Ends a lease and deletes its keys. @throws {DbError} `not_found` */
  revokeLease(group: string, id: number, options: RequestOptions = {}): Promise<leases.LeaseRevoked> {
    return leases.revokeLease(this.#caller, { group, id }, options);
  }

  /** What a lease has left, and with `keys` its keys. @throws {DbError} `not_found` */
  getLease(
    group: string,
    id: number,
    options: RequestOptions & { readonly keys?: boolean | undefined } = {},
  ): Promise<leases.LeaseAnswer> {
    return leases.getLease(this.#caller, { group, id }, options);
  }

  /** Pages of all leases of a group, by id. `pageLeases`: 1 to 10,000; 1,000 by default. */
  leases(
    group: string,
    options: RequestOptions & { readonly pageLeases?: number | undefined } = {},
  ): AsyncGenerator<leases.LeasePage, void> {
    return leases.listLeases(this.#caller, group, options);
  }

  /**
   * Waits for a lock, behind all who asked before: `await using lock = await client.lock(...)`.
   *
   * @throws {DbError} `canceled`, `deadline` of `waitMs`, `invalid_argument`, `not_found` when its lease ended meanwhile, or what
   *   the group refuses; nothing is left behind, or what is ends with its lease
   */
  lock(group: string, name: string, options: LockOptions = {}): Promise<Lock> {
    return takeLock(this.#leaseParts, { ...options, group, name, value: "" });
  }

  /** An election by this name. Asks nobody yet. @throws {DbError} `invalid_argument` for a name that is empty */
  election(group: string, name: string): Election {
    return new Election(this.#leaseParts, { group, name });
  }

  /** What a group says of itself: owners, ownership and epoch, verdicts, configuration, whenever one of them changes. */
  watchGroup(group: string, options: status.WatchGroupOptions = {}): AsyncGenerator<status.GroupNotice, void> {
    return status.watchGroup(this.#parts, group, options);
  }

  /** Recovery statuses of nodes. @throws {DbError} `not_found`; `invalid_argument`: no node has all of them in its sphere */
  watchNodes(options: status.WatchNodesOptions = {}): AsyncGenerator<status.NodeNotice, void> {
    return status.watchNodes(this.#parts, options);
  }

  /** Events of the cluster database. @throws {DbError} `compacted` when events that it needs are not kept any more */
  watchClusterEvents(options: status.WatchClusterOptions = {}): AsyncGenerator<status.ClusterNotice, void> {
    return status.watchClusterEvents(this.#parts, options);
  }

  /** All groups, or those that `owner` is an owner of. */
  groups(options: RequestOptions & { readonly owner?: string | undefined } = {}): Promise<cluster.GroupsAnswer> {
    return cluster.listGroups(this.#caller, options);
  }

  /** @throws {DbError} `not_found` */
  group(
    group: string,
    options: RequestOptions & { readonly consistency?: "linearizable" | "local" | undefined } = {},
  ): Promise<cluster.GroupAnswer> {
    return cluster.getGroup(this.#caller, group, options);
  }

  /** Needs the cluster's quorum. @throws {DbError} `already_exists`, `condition_failed`, `invalid_argument` of the config */
  createGroup(group: cluster.NewGroup, options: RequestOptions = {}): Promise<cluster.CreatedGroup> {
    return cluster.createGroup(this.#caller, group, options);
  }

  /**
   * Changes the owners online, any number at once; answers when the change is complete.
   *
   * @throws {DbError} `condition_failed`, `invalid_argument` of the owners, `overloaded`, `outcome_unknown`
   */
  setGroupOwners(owners: cluster.NewOwners, options: RequestOptions = {}): Promise<cluster.GroupChanged> {
    return cluster.setGroupOwners(this.#caller, owners, options);
  }

  /**
   * For a group that lost its quorum for good: it goes on from what one node has, under a new incarnation. Needs the cluster's
   * quorum.
   *
   * @throws {DbError} `condition_failed`: it has a quorum, `from` does not answer or holds nothing, or the confirmation is wrong
   */
  recoverGroup(recovery: cluster.GroupRecovery, options: RequestOptions = {}): Promise<cluster.GroupRecovered> {
    return cluster.recoverGroup(this.#caller, recovery, options);
  }

  /**
   * Moves a group's application to another owner; answers when that is decided, or with `wait` when it is done: `group` tells.
   *
   * @throws {DbError} `condition_failed`: frozen, in error, another epoch, or that owner cannot take it; `outcome_unknown`
   */
  moveGroup(move: placement.GroupMove, options: RequestOptions = {}): Promise<placement.GroupPlaced> {
    return placement.moveGroup(this.#caller, move, options);
  }

  /** The application is to run. @throws {DbError} `condition_failed`: frozen or in error; `outcome_unknown` */
  startGroup(start: placement.GroupStart, options: RequestOptions = {}): Promise<placement.GroupPlaced> {
    return placement.startGroup(this.#caller, start, options);
  }

  /** The application is not to run, until {@link startGroup}. @throws {DbError} `condition_failed`: frozen; `outcome_unknown` */
  stopGroup(stop: placement.GroupStop, options: RequestOptions = {}): Promise<placement.GroupPlaced> {
    return placement.stopGroup(this.#caller, stop, options);
  }

  /**
   * Hands off: no planned change of ownership, no restart and no fail-over, until {@link unfreezeGroup}. Keys are served as ever.
   *
   * @throws {DbError} `invalid_argument` of `why`, `outcome_unknown`
   */
  freezeGroup(freeze: placement.GroupFreeze, options: RequestOptions = {}): Promise<placement.GroupPlaced> {
    return placement.freezeGroup(this.#caller, freeze, options);
  }

  /** Ends {@link freezeGroup}. @throws {DbError} `condition_failed`: it is not frozen; `outcome_unknown` */
  unfreezeGroup(unfreeze: placement.GroupUnfreeze, options: RequestOptions = {}): Promise<placement.GroupPlaced> {
    return placement.unfreezeGroup(this.#caller, unfreeze, options);
  }

  /**
   * Ends the state `error` after someone has looked into it; owners on which it could not be started are tried again as well.
   *
   * @throws {DbError} `condition_failed`: there is no error; `outcome_unknown`
   */
  clearGroupError(cleared: placement.GroupErrorCleared, options: RequestOptions = {}): Promise<placement.GroupPlaced> {
    return placement.clearGroupError(this.#caller, cleared, options);
  }

  /** Why a group is where it is, and what would move it. `decisions`: most past ones to tell, 1 to 100; 10 by default. */
  explainGroup(
    group: string,
    options: RequestOptions & { readonly decisions?: number | undefined } = {},
  ): Promise<placement.GroupExplained> {
    return placement.explainGroup(this.#caller, group, options);
  }

  /** All nodes, with the statuses that the answering node holds; all statuses with `askAll`. */
  nodes(options: RequestOptions & { readonly askAll?: boolean | undefined } = {}): Promise<cluster.NodesAnswer> {
    return cluster.listNodes(this.#caller, options);
  }

  /** One node, asked of its sphere. @throws {DbError} `not_found` */
  node(node: string, options: RequestOptions = {}): Promise<cluster.NodeAnswer> {
    return cluster.getNode(this.#caller, node, options);
  }

  /** Who shares a group with a node, and what is stored there because of it. @throws {DbError} `not_found` */
  sphere(node: string, options: RequestOptions = {}): Promise<cluster.SphereAnswer> {
    return cluster.getSphere(this.#caller, node, options);
  }

  /**
   * Moves all applications off a node and keeps them off until {@link undrainNode}: all its groups come to it, or none. Repeating
   * it is harmless, whatever came of it before.
   *
   * @throws {DbError} `not_found`, `no_quorum` of groups that are not skipped, `txn_conflict`, `outcome_unknown`
   */
  drainNode(drain: cluster.NodeDrain, options: RequestOptions = {}): Promise<cluster.NodeDrained> {
    return cluster.drainNode(this.#caller, drain, options);
  }

  /** Ends {@link drainNode}. @throws {DbError} as there */
  undrainNode(undrain: cluster.NodeUndrain, options: RequestOptions = {}): Promise<Omit<cluster.NodeDrained, "moves">> {
    return cluster.undrainNode(this.#caller, undrain, options);
  }

  /** One screen of everything; what did not answer is named, never waited for. */
  status(options: RequestOptions = {}): Promise<cluster.StatusAnswer> {
    return cluster.getStatus(this.#caller, options);
  }

  /** The newest events of the cluster database. `limit`: 1 to 1,000 */
  clusterEvents(options: RequestOptions & { readonly limit: number }): Promise<cluster.EventsAnswer> {
    return cluster.listClusterEvents(this.#caller, options);
  }

  /**
   * For a cluster database that lost its quorum for good: it goes on from what one node has.
   *
   * @throws {DbError} `condition_failed`: it has a quorum, `from` does not answer or is in quarantine, or the confirmation is wrong
   */
  recoverCluster(recovery: cluster.ClusterRecovery, options: RequestOptions = {}): Promise<cluster.ClusterRecovered> {
    return cluster.recoverCluster(this.#caller, recovery, options);
  }

  /**
   * Ends calls and watches under way, watches without an error; later ones fail as `unreachable`. Leases that are kept are lost,
   * and end by themselves. Takes a second at most.
   */
  async close(): Promise<void> {
    this.#renewals.close();
    await this.#parts.sessions?.close();
    await this.#parts.endpoints.close();
  }

  #sessionCalls(): SessionCalls {
    const { openSession, closeSession } = SessionService.method;
    return {
      open: async (group) => {
        const { session, sequence } = await this.#caller.read(openSession, create(openSession.input, { group }), {});
        return { session, sequence: fromWireInteger(sequence, "sequence") };
      },
      close: async (group, session) => {
        const request = create(closeSession.input, { group, session });
        await this.#caller.read(closeSession, request, { timeoutMs: clientLimits.farewellMs });
      },
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #leaseParts(): LeaseParts {
    return { ...this.#parts, caller: this.#caller, renewals: this.#renewals };
  }
}

/** gRPC takes a while to load, and is not needed by everybody who needs this file. */
const connectLazily: Connect = async (endpoint) => (await import("./grpc-transport.ts")).connectGrpc(endpoint);
