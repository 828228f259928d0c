// Watches of groups, nodes and cluster events, through whole nodes: who serves them, from where they go on, and what they say.

import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterGroup, type NodeId, toGroupId, toLogIndex } from "../../../proto/ids.ts";
import type {
  NodesPosition,
  Request,
  WatchClusterRequest,
  WatchGroupRequest,
  WatchMessage,
  WatchNodesRequest,
} from "../../../proto/requests.ts";
import { Cluster, n1, n2, n3, n4, put, remove, rg, smallShape, watchAll } from "./cluster.ts";

type Message<Type extends WatchMessage["type"]> = Extract<WatchMessage, { type: Type }>;

const watchGroup = (fields: Partial<WatchGroupRequest> = {}): WatchGroupRequest => {
  const wish = { startIndex: null, initial: false, includeProgress: false, progressIntervalMs: 0 };
  return { type: "watchGroup", group: rg, ...wish, ...fields };
};
const watchNodes = (fields: Partial<WatchNodesRequest> = {}): WatchNodesRequest => {
  return { type: "watchNodes", nodes: [], after: null, initial: false, progressIntervalMs: 0, ...fields };
};
const watchCluster = (fields: Partial<WatchClusterRequest> = {}): WatchClusterRequest => {
  return { type: "watchCluster", startIndex: null, initial: false, progressIntervalMs: 0, ...fields };
};

/** A reader that reads at once. */
class Reader {
  readonly cluster: Cluster;
  readonly node: NodeId;
  readonly call: number;

  constructor(cluster: Cluster, node: NodeId, request: Request) {
    this.cluster = cluster;
    this.node = node;
    this.call = cluster.member(node).watch(request);
    cluster.settle();
  }

  get messages(): readonly WatchMessage[] {
    return this.cluster.member(this.node).watched.get(this.call) ?? [];
  }

  all<Type extends WatchMessage["type"]>(type: Type): readonly Message<Type>[] {
    return this.messages.filter((message): message is Message<Type> => message.type === type);
  }

  /** Reads on until a message fits. */
  until<Type extends WatchMessage["type"]>(type: Type, fits: (message: Message<Type>) => boolean): Message<Type> {
    let found: Message<Type> | undefined;
    this.cluster.until(() => {
      this.cluster.member(this.node).host.deliver({ type: "drained", call: this.call });
      found = this.all(type).find(fits);
      return found !== undefined;
    });
    return found as Message<Type>;
  }
}

function ready(shape = smallShape): Cluster {
  const cluster = new Cluster(shape);
  cluster.leader();
  cluster.advance(10_000);
  return cluster;
}

const verdictOn = (node: NodeId, { status }: Message<"groupState">) =>
  status.verdicts.find((verdict) => verdict.node === node)?.status;

for (const through of [n1, n4]) {
  test(`a watch of a group through ${through} begins with its state, and says when that changes`, () => {
    const cluster = ready();
    const reader = new Reader(cluster, through, watchGroup({ initial: true }));
    const first = reader.until("groupState", ({ initial }) => initial);
    assert.equal(verdictOn(n3, first), "up");
    cluster.ask(n1, put("k", "v"), "put");
    cluster.stop(n3);
    const later = reader.until("groupState", (message) => verdictOn(n3, message) === "down");
    assert.ok(!later.initial && later.revision > first.revision);
    const indexes = reader.all("groupState").map(({ revision }) => revision);
    assert.deepEqual(
      indexes,
      [...new Set(indexes)].sort((left, right) => left - right),
    );
  });
}

test("a write alone is no news of a group, unless progress is asked for", () => {
  const cluster = ready();
  const plain = new Reader(cluster, n1, watchGroup());
  const whole = new Reader(cluster, n1, watchGroup({ includeProgress: true }));
  cluster.ask(n1, put("k", "v"), "put");
  whole.until("groupState", ({ status }) => status.keys === 1);
  assert.deepEqual(plain.all("groupState"), []);
});

test("who comes back to a group is given the present state when it is newer, and nothing when it is not", () => {
  const cluster = ready();
  const { revision } = new Reader(cluster, n1, watchGroup({ initial: true })).until("groupState", () => true);
  const same = new Reader(cluster, n1, watchGroup({ startIndex: toLogIndex(revision + 1) }));
  cluster.advance(1_000);
  assert.deepEqual(same.all("groupState"), []);
  const older = new Reader(cluster, n2, watchGroup({ startIndex: toLogIndex(1) }));
  assert.equal(older.until("groupState", () => true).initial, false);
});

test("a watch of nodes begins with the sphere, says what becomes of a node, and who has left", () => {
  const cluster = ready();
  const reader = new Reader(cluster, n1, watchNodes({ initial: true }));
  const first = reader.until("nodeStates", ({ initial, more }) => initial && !more);
  assert.deepEqual(first.nodes.map(({ record }) => record.node).sort(), [n1, n2, n3]);
  cluster.stop(n3);
  reader.until("nodeStates", ({ nodes }) =>
    nodes.some(({ record, status }) => record.node === n3 && status === "down"),
  );
  const owners = { type: "setOwners", group: rg, owners: [n1, n2], ifIndex: null, validateOnly: false } as const;
  cluster.ask(n1, owners, "setOwners", 20_000);
  reader.until("nodeStates", ({ departed }) => departed.includes(n3));
});

test("a watch of a node that is not of the own sphere is served by one that has it in its sphere", () => {
  const cluster = ready();
  const reader = new Reader(cluster, n4, watchNodes({ nodes: [n3], initial: true }));
  const { nodes } = reader.until("nodeStates", () => true);
  assert.deepEqual(
    nodes.map(({ record, status }) => `${record.node} ${status}`),
    ["n3 up"],
  );
  cluster.stop(n3);
  reader.until("nodeStates", (message) => message.nodes.some(({ status }) => status === "down"));
});

test("nodes that nobody has in one sphere are refused together, and one that is not there by itself", () => {
  const cluster = ready();
  const apart = new Reader(cluster, n1, watchNodes({ nodes: [n1, n4] }));
  assert.equal(apart.all("canceled")[0]?.failure.code, "invalid_argument");
  const stranger = new Reader(cluster, n1, watchNodes({ nodes: ["n9" as NodeId] }));
  assert.equal(stranger.all("canceled")[0]?.failure.code, "not_found");
});

test("a watch of nodes goes on from its vector when nothing was missed, and else begins with everything", () => {
  const cluster = ready();
  const { position } = new Reader(cluster, n1, watchNodes()).until("nodeStates", () => true);
  assert.deepEqual(
    position.groups.map(({ group }) => group),
    [rg],
  );
  const covered = new Reader(cluster, n1, watchNodes({ after: position }));
  assert.deepEqual(covered.until("nodeStates", () => true).nodes, []);
  const [mark] = position.groups;
  assert.ok(mark);
  const missed: NodesPosition = { ...position, groups: [{ ...mark, index: toLogIndex(mark.index - 1) }] };
  const again = new Reader(cluster, n1, watchNodes({ after: missed })).until("nodeStates", () => true);
  assert.ok(again.initial && again.nodes.length === 3);
});

test("a watch of nodes goes on with everything when a node has left one of its groups meanwhile, and not the sphere", () => {
  const also = toGroupId("rg-also");
  const cluster = ready({ ...smallShape, groups: { [rg]: [n1, n2, n3], [also]: [n1, n2, n3] } });
  const groupsOf = ({ nodes }: Message<"nodeStates">) => nodes.find(({ record }) => record.node === n3)?.groups;
  const before = new Reader(cluster, n1, watchNodes({ initial: true })).until("nodeStates", ({ more }) => !more);
  assert.deepEqual(groupsOf(before), [rg, also]);
  const owners = { type: "setOwners", group: rg, owners: [n1, n2], ifIndex: null, validateOnly: false } as const;
  cluster.ask(n1, owners, "setOwners", 20_000);
  const live = new Reader(cluster, n1, watchNodes({ initial: true }));
  live.until("nodeStates", (message) => groupsOf(message)?.length === 1);
  const after = new Reader(cluster, n1, watchNodes({ after: before.position })).until("nodeStates", () => true);
  assert.ok(after.initial);
  assert.deepEqual(groupsOf(after), [also]);
});

test("a watch of a sphere that goes on through another node is told all of that one's, though it missed nothing", () => {
  const cluster = ready();
  const { position } = new Reader(cluster, n1, watchNodes()).until("nodeStates", () => true);
  assert.equal(position.sphere, n1);
  const elsewhere = new Reader(cluster, n2, watchNodes({ after: position })).until("nodeStates", () => true);
  assert.ok(elsewhere.initial && elsewhere.nodes.length === 3);
});

test("a node in no group is told as the cluster knows it, and again when that has changed", () => {
  const cluster = ready();
  const reader = new Reader(cluster, n4, watchNodes({ initial: true }));
  const up = reader.until("nodeStates", ({ nodes }) => nodes.some(({ status }) => status === "up"));
  assert.deepEqual(
    up.nodes.map(({ record, components }) => [record.node, components.map(({ group }) => group)]),
    [[n4, [clusterGroup]]],
  );
});

test("a watch of nodes that another node serves goes on after its bookmarks", () => {
  const cluster = ready();
  const reader = new Reader(cluster, n4, watchNodes({ nodes: [n3], initial: true, progressIntervalMs: 100 }));
  reader.until("nodeStates", ({ nodes }) => nodes.length === 0);
  cluster.stop(n3);
  reader.until("nodeStates", (message) => message.nodes.some(({ status }) => status === "down"));
  assert.deepEqual(reader.all("canceled"), []);
});

test("cluster events come through any node, those that exist first when asked for", () => {
  const cluster = ready();
  const live = new Reader(cluster, n4, watchCluster());
  const group = toGroupId("rg-new");
  cluster.ask(n1, { type: "createGroup", group, owners: [n1, n2], validateOnly: false }, "createGroup");
  const told = live.until("clusterEvents", ({ events }) => events.length > 0);
  assert.deepEqual([told.initial, told.events.map(({ change }) => change.type)], [false, ["groupCreated"]]);
  const whole = new Reader(cluster, n4, watchCluster({ initial: true })).until("clusterEvents", () => true);
  assert.deepEqual([whole.initial, whole.events.at(-1)], [true, told.events[0]]);
  const from = told.events[0]?.index ?? toLogIndex(0);
  const resumed = new Reader(cluster, n2, watchCluster({ startIndex: from })).until("clusterEvents", () => true);
  assert.deepEqual(resumed.events, told.events);
});

test("what exists comes through a node that does not own the group too, whatever the network repeats", () => {
  const cluster = ready();
  for (let at = 0; at < 30; at++) cluster.ask(n1, put(`k${at}`, "x".repeat(60_000)), "put");
  cluster.copies = (_from, _to, { type }) => (type === "forwardWatch" || type === "forwardDrained" ? 2 : 1);
  const reader = new Reader(cluster, n4, { ...watchAll(), initial: true } as Request);
  reader.until("initial", ({ more }) => !more);
  const pages = reader.all("initial");
  assert.deepEqual(
    pages.map(({ page }) => page),
    pages.map((_, at) => at + 1),
  );
  assert.ok(pages.length > 2);
  assert.equal(pages.flatMap(({ events }) => events).length, 30);
  cluster.ask(n2, put("later", "v"), "put");
  assert.equal(reader.until("events", () => true).events.length, 1);
});

for (const copies of [1, 2]) {
  test(`a revision too large for one message comes whole through a node that is no owner, messages ${copies} times`, () => {
    const cluster = ready();
    const keys = Array.from({ length: 30 }, (_, at) => `k${at}`);
    for (const key of keys) cluster.ask(n1, put(key, new Uint8Array(450_000)), "put");
    cluster.copies = (_from, _to, { type }) => (type === "forwardWatch" || type === "forwardDrained" ? copies : 1);
    const reader = new Reader(cluster, n4, { ...watchAll(), previousValues: true } as Request);
    cluster.advance(100);
    cluster.ask(n1, remove("k", "l"), "delete");
    cluster.ask(n1, put("later", "v"), "put");
    reader.until("events", ({ events }) => events.some(({ kv }) => kv !== null));
    const [gone, ...rest] = reader.all("events");
    assert.deepEqual(
      gone?.events.map(({ previous }) => previous?.value.byteLength),
      keys.map(() => 450_000),
    );
    assert.deepEqual([rest.length, reader.all("canceled")], [1, []]);
  });
}
