// A small cluster in memory, behind the in-process transport: one store that all its nodes answer for. It keeps revisions,
// history and a compaction floor, so that clients can be tested against real answers; nodes can be killed, calls refused.

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type Connect,
  createInProcessTransport,
  DbError,
  type ErrorCode,
  inProcessService,
  type Transport,
  UnreachableError,
} from "../../../client/index.ts";
import { toStatus } from "../../../proto/error-status.ts";
import { failure } from "../../../proto/errors.ts";
import { ClusterService } from "../../../proto/gen/bailiwick/v1/cluster_service_pb.ts";
import { type KeyRange, ReadConsistency } from "../../../proto/gen/bailiwick/v1/common_pb.ts";
import { GroupService } from "../../../proto/gen/bailiwick/v1/group_service_pb.ts";
import {
  type DeleteRequest,
  type GetRequest,
  KeyValueService,
  type ListRequest,
  type PutRequest,
} from "../../../proto/gen/bailiwick/v1/key_value_pb.ts";
import { LeaseService } from "../../../proto/gen/bailiwick/v1/lease_pb.ts";
import { NodeService } from "../../../proto/gen/bailiwick/v1/node_service_pb.ts";
import { type KeyValue, KeyValueSchema } from "../../../proto/gen/bailiwick/v1/record_pb.ts";
import type {
  Comparison,
  Operation,
  OperationResultSchema,
  TransactRequest,
} from "../../../proto/gen/bailiwick/v1/transaction_pb.ts";
import {
  type WatchCreate,
  WatchFilter,
  type WatchPositionSchema,
  type WatchRequest,
  type WatchResponseSchema,
  WatchService,
} from "../../../proto/gen/bailiwick/v1/watch_pb.ts";
import { fakeGroup, fakeNode, fakeStatus, fakeStatusEvents } from "./fake-answers.ts";
import { FakeLeases } from "./fake-leases.ts";
import { type GroupInit, placementHandlers } from "./fake-placements.ts";
import { FakeTransport } from "./fake-transport.ts";

export const clusterId = "0123456789abcdef0123456789abcdef";
const group = "rg220";
const incarnation = 3n;

interface Change {
  readonly revision: bigint;
  readonly type: "put" | "delete" | "expire";
  readonly keyValue: KeyValue;
  readonly previous?: KeyValue;
}

const filters = { put: WatchFilter.NO_PUT, delete: WatchFilter.NO_DELETE, expire: WatchFilter.NO_EXPIRY } as const;

type Response = MessageInitShape<typeof WatchResponseSchema>;
type WatchPositionInit = MessageInitShape<typeof WatchPositionSchema>;

export class FakeCluster {
  /** `node method` of every call that reached a node. */
  readonly calls: string[] = [];
  /** Every request to create a watch. */
  readonly watches: WatchCreate[] = [];
  readonly transactions: TransactRequest[] = [];
  readonly leases = new FakeLeases({
    enter: (node, method) => this.#enter(node, method),
    header: (node) => this.#header(node),
    keysOf: (id) => this.#keysOf(id).map((key) => Buffer.from(key, "latin1")),
    deleteKeysOf: (id) => this.#deleteAll(this.#keysOf(id), "expire").length,
  });
  /** Sends the events of a revision one to a message, as fragments. */
  sendsFragments = false;
  /** Breaks the stream once, after a fragment. */
  breaksInFragments = false;
  /** Delivers the revision before the one to resume behind once more. */
  overlaps = false;
  /** Methods whose next answer is lost after the work is done. */
  readonly lostAnswers: string[] = [];
  /** What the status tells of groups; empty: what it tells by itself. */
  statusGroups: readonly GroupInit[] = [];
  /** What GetGroup tells. */
  group: GroupInit = fakeGroup();
  /** Who wanted something of the group's application, and why. */
  readonly told: (readonly [who: string, why: string])[] = [];
  /** How the group stands when something is wanted of its application, told when `placedAfter` resolves. */
  placed: GroupInit = fakeGroup();
  placedAfter: Promise<void> = Promise.resolve();
  /** What a watch of the group's status tells, at the indexes from 70 on; then it stays open. Empty: one state, and the end. */
  groupStates: readonly GroupInit[] = [];
  /** Endpoints that take watches and say nothing, as after a loss of power that the connection has not noticed. */
  readonly silent = new Set<string>();
  /** Says nothing on watches that have begun, as a node that hangs. */
  isMute = false;
  revision = 1n;
  floor = 1n;
  readonly #keys = new Map<string, KeyValue>();
  readonly #changes: Change[] = [];
  readonly #down = new Set<string>();
  readonly #transports = new Map<string, Transport[]>();
  readonly #refusals: { readonly method: string; readonly reason: Error }[] = [];
  readonly #listeners = new Set<() => void>();

  readonly connect: Connect = (endpoint) => Promise.resolve(new FakeTransport(() => this.open(endpoint)));

  /** The next `times` calls of `method` fail. */
  refuse(
    method: string,
    code: ErrorCode,
    options: { times?: number; details?: object; effect?: "none" | "unknown" } = {},
  ) {
    const { times = 1, details = {}, effect } = options;
    for (let time = 0; time < times; time++) {
      const reason = new DbError(failure(code, `Refused as ${code}`, { group, ...details }, effect));
      this.#refusals.push({ method, reason });
    }
  }

  kill(endpoint: string): void {
    this.#down.add(endpoint);
    for (const transport of this.#transports.get(endpoint) ?? []) transport.close();
    this.#transports.delete(endpoint);
  }

  start(endpoint: string): void {
    this.#down.delete(endpoint);
  }

  compact(floor: bigint): void {
    this.floor = floor;
  }

  put(entries: Readonly<Record<string, string>>): void {
    this.revision += 1n;
    for (const [key, value] of Object.entries(entries)) this.#write(key, Buffer.from(value));
    this.#tell();
  }

  /** As somebody else does. */
  delete(key: string): void {
    this.#deleteAll([key], "delete");
  }

  get keys(): readonly string[] {
    return [...this.#keys.keys()].sort();
  }

  valueOf(key: string): string | null {
    const keyValue = this.#keys.get(key);
    return keyValue === undefined ? null : Buffer.from(keyValue.value).toString();
  }

  open(endpoint: string): Transport {
    if (this.#down.has(endpoint)) throw new UnreachableError(endpoint, "it was killed");
    const transport = createInProcessTransport(this.#services(endpoint));
    this.#transports.set(endpoint, [...(this.#transports.get(endpoint) ?? []), transport]);
    return transport;
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  #keysOf(lease: bigint): readonly string[] {
    return this.keys.filter((key) => this.#keys.get(key)?.lease === lease);
  }

  /** In one revision, if there is anything to delete. */
  #deleteAll(keys: readonly string[], type: "delete" | "expire"): readonly KeyValue[] {
    const gone = keys.flatMap((key) => this.#keys.get(key) ?? []);
    if (gone.length > 0) this.revision += 1n;
    for (const previous of gone) this.#delete(previous, type);
    if (gone.length > 0) this.#tell();
    return gone;
  }

  #delete(previous: KeyValue, type: "delete" | "expire"): void {
    this.#keys.delete(text(previous.key));
    const { key, lease } = previous;
    const keyValue = create(KeyValueSchema, {
      key,
      modRevision: this.revision,
      ...(type === "expire" ? { lease } : {}),
    });
    this.#changes.push({ revision: this.revision, type, keyValue, previous });
  }

  #write(key: string, value: Uint8Array, lease = 0n): KeyValue {
    if (lease !== 0n && !this.leases.has(lease)) throw new DbError(failure("not_found", `There is no lease ${lease}`));
    const before = this.#keys.get(key);
    const keyValue = create(KeyValueSchema, {
      key: Buffer.from(key, "latin1"),
      value,
      createRevision: before?.createRevision ?? this.revision,
      modRevision: this.revision,
      version: (before?.version ?? 0n) + 1n,
      lease,
    });
    this.#keys.set(key, keyValue);
    this.#changes.push({ revision: this.revision, type: "put", keyValue, ...(before ? { previous: before } : {}) });
    return keyValue;
  }

  #enter(node: string, method: string): void {
    this.calls.push(`${node} ${method}`);
    const position = this.#refusals.findIndex((refusal) => refusal.method === method);
    const [refusal] = position < 0 ? [] : this.#refusals.splice(position, 1);
    if (refusal !== undefined) throw refusal.reason;
  }

  #header(node: string, stale = false) {
    return { clusterId, group, incarnation, revision: this.revision, node, stale };
  }

  #services(node: string) {
    return [
      inProcessService(KeyValueService, this.#keyValueHandlers(node)),
      inProcessService(WatchService, { watch: (requests, { signal }) => this.#watch(requests, { node, signal }) }),
      inProcessService(LeaseService, this.leases.handlersOf(node)),
      inProcessService(GroupService, {
        listGroups: ({ owner }) => {
          this.#enter(node, "listGroups");
          const groups = [fakeGroup(), fakeGroup({ name: "rg226", owners: ["n208", "n210", "n212"] })];
          const kept = groups.filter(({ owners }) => owner === "" || owners?.includes(owner));
          return { header: this.#header(node), groups: kept, unreachable: ["rg224"] };
        },
        getGroup: ({ group: name }) => {
          this.#enter(node, "getGroup");
          if (name !== group) throw new DbError(failure("not_found", `No group ${name}`, { group: name }));
          return { header: this.#header(node), group: this.group };
        },
        createGroup: ({ group: name, owners, config, validateOnly }) => {
          this.#enter(node, `createGroup ${validateOnly ? "check" : "make"}`);
          const made = fakeGroup({ name, owners, ...(config ? { config } : {}) });
          return { header: this.#header(node), group: made, warnings: ["Two owners without a witness"] };
        },
        setGroupOwners: ({ group: name, owners, ifConfigurationIndex, validateOnly }) => {
          const condition = ifConfigurationIndex === undefined ? "" : ` if ${ifConfigurationIndex}`;
          this.#enter(node, `setGroupOwners ${validateOnly ? "check" : "make"}${condition}`);
          return { header: this.#header(node), group: fakeGroup({ name, owners }) };
        },
        ...placementHandlers({
          enter: (call) => this.#enter(node, call),
          header: () => this.#header(node),
          placed: () => this.placedAfter.then(() => this.placed),
          tell: ({ who, why }) => this.told.push([who, why]),
        }),
        recoverGroup: ({ group: name, from, owners, acceptDataLoss, confirmation, why, validateOnly }) => {
          const asserted = `${acceptDataLoss ? "accepted" : ""} ${confirmation} ${why}`;
          this.#enter(node, validateOnly ? "recoverGroup check" : `recoverGroup make ${asserted}`);
          const made = fakeGroup({ name, incarnation: 2n, owners: owners.length > 0 ? owners : [from] });
          return { header: this.#header(node), group: made, losses: ["n202 does not answer"] };
        },
      }),
      inProcessService(NodeService, {
        listNodes: () => {
          this.#enter(node, "listNodes");
          return { header: this.#header(node), nodes: [fakeNode("n202"), fakeNode("n208")] };
        },
        getNode: ({ node: name }) => {
          this.#enter(node, "getNode");
          return { header: this.#header(node), node: fakeNode(name) };
        },
        drainNode: ({ node: name, why, skipUnavailable, wait, validateOnly }) => {
          const flags = [skipUnavailable ? "skip" : "", wait ? "wait" : "", validateOnly ? "check" : "make"];
          this.#enter(node, `drainNode ${[...flags, why].filter((word) => word !== "").join(" ")}`);
          const moves = [
            { group, from: name, to: "n202", why: "n202 is up" },
            { group: "rg226", from: name, to: "", why: "nobody is up" },
          ];
          const made = { ...fakeNode(name), manages: wait ? ["rg226"] : [] };
          return {
            header: this.#header(node),
            node: made,
            moves,
            unreachable: skipUnavailable ? ["rg224", "cluster"] : [],
          };
        },
        undrainNode: ({ node: name, skipUnavailable }) => {
          this.#enter(node, `undrainNode ${skipUnavailable ? "skip" : ""}`);
          return { header: this.#header(node), node: fakeNode(name), unreachable: skipUnavailable ? ["rg224"] : [] };
        },
        getSphere: ({ node: name }) => {
          this.#enter(node, "getSphere");
          return {
            header: this.#header(node),
            node: name,
            members: ["n202", "n208", "n214"],
            groups: [{ group, owners: ["n202", "n208", "n214"] }],
            statuses: [fakeNode("n202"), fakeNode("n208")],
            interlocked: [{ group: "rg226", incarnation: 1n, owners: ["n208", "n210"], sharedNodes: ["n208"] }],
          };
        },
      }),
      inProcessService(ClusterService, {
        getStatus: () => {
          this.#enter(node, "getStatus");
          const status = fakeStatus(this.#header(node));
          return this.statusGroups.length === 0 ? status : { ...status, groups: [...this.statusGroups] };
        },
        recoverCluster: ({ from, voters, acceptDataLoss, confirmation, why, validateOnly }) => {
          const asserted = `${acceptDataLoss ? "accepted" : ""} ${confirmation} ${why}`;
          this.#enter(node, validateOnly ? "recoverCluster check" : `recoverCluster make ${asserted}`);
          const made = { id: clusterId, voters: voters.length > 0 ? voters : [from] };
          return { header: this.#header(node), cluster: made, losses: ["n202 does not answer"] };
        },
        listClusterEvents: () => {
          this.#enter(node, "listClusterEvents");
          const time = { seconds: 1_900_000_000n };
          const failed = { index: 7n, time, type: 5, node: "n208", who: "n210", why: "Silent on every path" } as const;
          return { header: this.#header(node), events: [failed, { ...failed, index: 4n, type: 1, node: "" }] };
        },
      }),
    ];
  }

  #keyValueHandlers(node: string) {
    return {
      get: (request: GetRequest) => {
        this.#enter(node, "get");
        const keyValue = this.#at(text(request.key), request.revision);
        const header = this.#header(node, request.consistency === ReadConsistency.LOCAL);
        return { header, ...(keyValue ? { keyValue } : {}) };
      },
      list: (request: ListRequest) => {
        this.#enter(node, "list");
        const all = [...this.#keys.entries()]
          .filter(([key]) => selects(request, key))
          .sort(([a], [b]) => (a < b ? -1 : 1));
        const rest = all.filter(([key]) => key > text(request.pageToken));
        const page = rest.slice(0, request.limit);
        const isLast = page.length === rest.length;
        return {
          header: this.#header(node),
          keyValues: page.map(([, one]) => (request.keysOnly ? { ...one, value: new Uint8Array(0) } : one)),
          nextPageToken: isLast ? new Uint8Array(0) : Buffer.from(page.at(-1)?.[0] ?? "", "latin1"),
          count: BigInt(all.length),
        };
      },
      put: (request: PutRequest) => {
        this.#enter(node, "put");
        if (request.group !== group) {
          throw new DbError(failure("not_found", `No group ${request.group}`, { group: request.group }));
        }
        const before = this.#keys.get(text(request.key));
        if (request.ifModRevision !== undefined && request.ifModRevision !== (before?.modRevision ?? 0n)) {
          throw new DbError(failure("condition_failed", "The revision is another", { group, key: text(request.key) }));
        }
        this.revision += 1n;
        this.#write(text(request.key), request.value, request.lease);
        this.#tell();
        return { header: this.#header(node), ...(request.previousValue && before ? { previous: before } : {}) };
      },
      /** In one revision. Of another group it reads as if it were this one, and writes nothing. */
      transact: (request: TransactRequest) => {
        this.#enter(node, "transact");
        this.transactions.push(request);
        const succeeded = request.comparisons.every((comparison) => this.#holds(comparison));
        const branch = succeeded ? request.success : request.failure;
        const results = branch.map(({ operation }) => this.#result(operation));
        this.#carryOut(branch.filter((one) => one.group === "" || one.group === group));
        const revisions = [{ group, incarnation, revision: this.revision }];
        const lostAnswer = this.lostAnswers.indexOf("transact");
        if (lostAnswer >= 0) {
          this.lostAnswers.splice(lostAnswer, 1);
          throw new DbError(failure("outcome_unknown", "The answer was lost"));
        }
        return { header: this.#header(node), succeeded, results, revisions };
      },
      delete: (request: DeleteRequest) => {
        this.#enter(node, "delete");
        const gone = this.#deleteAll(
          this.keys.filter((key) => selects(request, key)),
          "delete",
        );
        const previous = request.previousValues ? [...gone] : [];
        return { header: this.#header(node), deleted: BigInt(gone.length), previous };
      },
    };
  }

  /** Of revisions of one key; others hold. */
  #holds({ keys, operand }: Comparison): boolean {
    const keyValue = this.#keys.get(keys.case === "key" ? text(keys.value) : "");
    if (operand.case !== "modRevision" && operand.case !== "createRevision") return true;
    return operand.value === (keyValue?.[operand.case] ?? 0n);
  }

  #carryOut(operations: readonly Operation[]): void {
    const writes = operations
      .map(({ operation }) => operation)
      .filter(({ case: type }) => type === "put" || type === "delete");
    if (writes.length === 0) return;
    this.revision += 1n;
    for (const write of writes) {
      if (write.case === "put") this.#write(text(write.value.key), write.value.value, write.value.lease);
      if (write.case !== "delete") continue;
      for (const keyValue of [...this.#keys.values()].filter(({ key }) => selects(write.value, text(key)))) {
        this.#delete(keyValue, "delete");
      }
    }
    this.#tell();
  }

  #result(operation: Operation["operation"]): MessageInitShape<typeof OperationResultSchema> {
    const keyValues = [...this.#keys.values()];
    switch (operation.case) {
      case "get":
        return { result: { case: "get", value: { keyValue: this.#keys.get(text(operation.value.key)) } } };
      case "list":
        return { result: { case: "list", value: { keyValues, count: BigInt(keyValues.length) } } };
      case "put":
        return { result: { case: "put", value: { previous: this.#keys.get(text(operation.value.key)) } } };
      default:
        return { result: { case: "delete", value: { deleted: BigInt(keyValues.length), previous: keyValues } } };
    }
  }

  #at(key: string, revision: bigint): KeyValue | undefined {
    if (revision === 0n) return this.#keys.get(key);
    const change = this.#changes.findLast((one) => text(one.keyValue.key) === key && one.revision <= revision);
    return change?.type === "put" ? change.keyValue : undefined;
  }

  async *#watch(
    requests: AsyncIterable<WatchRequest>,
    { node, signal }: { readonly node: string; readonly signal: AbortSignal },
  ): AsyncGenerator<Response> {
    for await (const { request } of requests) {
      if (request.case !== "create") continue;
      this.watches.push(request.value);
      while (this.silent.has(node) && !signal.aborted) await this.#changed(signal);
      yield* this.#follow(request.value, { node, signal });
      return;
    }
  }

  async *#follow(
    watch: WatchCreate,
    { node, signal }: { readonly node: string; readonly signal: AbortSignal },
  ): AsyncGenerator<Response> {
    const end = (code: ErrorCode, message: string): Response => ({
      watchId: watch.watchId,
      response: { case: "canceled", value: { error: toStatus(failure(code, message, { group: watch.group })) } },
    });
    try {
      this.#enter(node, "watch");
    } catch (reason) {
      const { code, message } = DbError.from(reason);
      yield end(code, message);
      return;
    }
    if (watch.target.case === "groupStatus" && this.groupStates.length > 0) {
      yield* toldGroupStates(watch, this.groupStates);
      await this.#changed(signal);
      return;
    }
    if (watch.target.case !== "prefix" && watch.target.case !== "key" && watch.target.case !== "range") {
      yield* toldStatuses(watch);
      return;
    }
    if (watch.group !== group) {
      yield end("not_found", `No group ${watch.group}`);
      return;
    }
    const resumed = watch.resume?.groups[0]?.revision;
    let sent =
      this.overlaps && resumed !== undefined
        ? resumed - 1n
        : (resumed ?? (watch.startRevision === 0n ? this.revision : watch.startRevision - 1n));
    if (sent + 1n < this.floor) {
      yield { watchId: watch.watchId, response: { case: "compacted", value: { revision: this.floor, incarnation } } };
      return;
    }
    const position = (revision: bigint) => ({ groups: [{ group, incarnation, revision }] });
    const opened = watch.initial ? {} : { position: position(sent) };
    yield { watchId: watch.watchId, response: { case: "created", value: opened } };
    if (watch.initial) yield* this.#existing(watch, position(sent));
    while (!signal.aborted) {
      const newest = this.revision;
      for (const changes of this.#revisionsAfter(sent, watch)) {
        const revision = changes[0]?.revision ?? sent;
        for (const [at, events] of (this.sendsFragments ? changes.map((one) => [one]) : [changes]).entries()) {
          const fragment = this.sendsFragments && at < changes.length - 1;
          const value = {
            events: events.map((one) => toEvent(one, watch.previousValues)),
            fragment,
            ...(fragment ? {} : { position: position(revision) }),
          };
          yield { watchId: watch.watchId, response: { case: "events", value } };
          if (fragment && this.breaksInFragments) {
            this.breaksInFragments = false;
            throw new DbError(failure("outcome_unknown", "Broken in between"));
          }
        }
      }
      if (!this.isMute) sent = newest;
      if (this.isMute || this.revision === newest) await this.#changed(signal);
    }
  }

  /** A page for each key, as if each were a large one. */
  *#existing({ watchId }: WatchCreate, position: WatchPositionInit): Generator<Response> {
    const existing = [...this.#keys.values()];
    for (const [at, keyValue] of existing.entries()) {
      const isLast = at === existing.length - 1;
      const events = [{ revision: keyValue.modRevision, event: { case: "put" as const, value: keyValue } }];
      const value = { events, initial: true, fragment: !isLast, ...(isLast && { position }) };
      yield { watchId, response: { case: "events", value } };
    }
    if (existing.length === 0) yield { watchId, response: { case: "progress", value: { position } } };
  }

  *#revisionsAfter(sent: bigint, watch: WatchCreate): Generator<Change[]> {
    if (this.isMute) return;
    const wanted = this.#changes.filter(
      ({ revision, type, keyValue }) =>
        revision > sent &&
        !watch.filters.includes(filters[type]) &&
        selects({ keys: watch.target as Parameters<typeof selects>[0]["keys"] }, text(keyValue.key)),
    );
    const byRevision = Map.groupBy(wanted, ({ revision }) => revision);
    yield* byRevision.values();
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#listeners.delete(done);
        resolve();
      };
      this.#listeners.add(done);
      signal.addEventListener("abort", done, { once: true });
    });
  }
}

function selects(
  request: {
    readonly keys:
      | { case: "key"; value: Uint8Array }
      | { case: "prefix"; value: Uint8Array }
      | { case: "range"; value: KeyRange }
      | { case: undefined; value?: undefined };
  },
  key: string,
): boolean {
  const { keys } = request;
  if (keys.case === undefined) return true;
  if (keys.case === "key") return text(keys.value) === key;
  if (keys.case === "prefix") return key.startsWith(text(keys.value));
  const { start, end } = keys.value;
  return key >= text(start) && (end.byteLength === 0 || key < text(end));
}

function toEvent({ revision, type, keyValue, previous }: Change, withPrevious: boolean) {
  return {
    revision,
    event: { case: type, value: keyValue } as const,
    ...(withPrevious && previous !== undefined ? { previous } : {}),
  };
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

/** Those at the index that it starts with, or later. */
function* toldGroupStates({ watchId, startRevision }: WatchCreate, states: readonly GroupInit[]): Generator<Response> {
  yield {
    watchId,
    response: { case: "created", value: { position: { groups: [{ group, incarnation, index: 0n }] } } },
  };
  for (const [at, value] of states.entries()) {
    const index = 70n + BigInt(at);
    if (index < startRevision) continue;
    const events = [{ revision: index, event: { case: "group" as const, value } }];
    const position = { groups: [{ group, incarnation, index }] };
    yield { watchId, response: { case: "events", value: { events, position } } };
  }
}

/** What there is, and no change of it. */
function* toldStatuses(watch: WatchCreate): Generator<Response> {
  const { watchId, initial, target } = watch;
  const position = { groups: [{ group, incarnation, index: 70n }], clusterIndex: 7n };
  yield { watchId, response: { case: "created", value: initial ? {} : { position: { clusterIndex: 0n } } } };
  const events = fakeStatusEvents(target.case ?? "");
  yield { watchId, response: { case: "events", value: { events, initial, position } } };
}
