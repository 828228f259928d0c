// The checker of watches of nodes accepts statuses that were decided, in order, and that end with the present ones; it names each lie.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type LogIndex, type NodeId, toGroupId, toIncarnation, toNodeId, toRevision } from "../../../proto/ids.ts";
import type { RecoveryStatus, StatusComponent } from "../../../proto/model.ts";
import type { NodeState, WatchMessage } from "../../../proto/requests.ts";
import { checkNodeWatch, NodeHistory } from "../../../server/simulation/checkers/node-watches.ts";
import { Violation } from "../../../server/simulation/violation.ts";
import { NodesLog } from "../../../server/simulation/workload/node-watchers.ts";
import { Directory } from "../../../server/sphere/directory.ts";
import { historyOf, startOf } from "../watch/fixtures.ts";

const [a, b, c] = ["a", "b", "c"].map(toNodeId) as [NodeId, NodeId, NodeId];
const g = toGroupId("g");
const incarnation = toIncarnation(1);
const start = startOf(historyOf()).header;
const position = { groups: [], clusterIndex: 0 as LogIndex, sphere: null };

function verdict(node: NodeId, index: number, status: RecoveryStatus): StatusComponent {
  return { group: g, incarnation, node, index: index as LogIndex, status, reason: "" };
}

/** `c` owns nothing and is nobody's neighbour. */
const directory = new Directory({
  nodes: [a, b, c],
  groups: [{ group: g, incarnation, owners: [a, b], index: 0 as LogIndex }],
});
/** At index 5 of the cluster's log `b` has joined a group, and at 6 it has left it. */
const regrouped = new Map([[b, [5, 6]]]);
const cluster = { events: [], index: 0, directory, regrouped, verdicts: [], finalVerdicts: [], stateHash: "" };
const [joining, upA, downB, upB] = [
  verdict(a, 0, "joining"),
  verdict(a, 2, "up"),
  verdict(b, 3, "down"),
  verdict(b, 7, "up"),
];
const all = [joining, upA, verdict(b, 1, "up"), downB, upB];
const history = new NodeHistory(cluster, [{ group: g, all, final: [upA, upB] }]);

function state(component: StatusComponent): NodeState {
  const { node, status } = component;
  const record = { node, identity: "", peerAddress: "", apiAddress: "", labels: [], capacity: [] };
  return { record, status, components: [component], groups: [g] };
}

const opened = (node = a): WatchMessage => ({ type: "opened", header: { ...start, node }, revision: toRevision(1) });

function told(components: readonly StatusComponent[], initial = false, departed: readonly NodeId[] = []): WatchMessage {
  const nodes = components.map(state);
  return { type: "nodeStates", revision: toRevision(2), initial, more: false, nodes, departed, position };
}

/** As of an index of the cluster's log. */
function toldAt(clusterIndex: number, components: readonly StatusComponent[], initial = false): WatchMessage {
  return {
    ...told(components, initial),
    position: { ...position, clusterIndex: clusterIndex as LogIndex },
  } as WatchMessage;
}

function logOf(messages: readonly WatchMessage[], wanted: NodeId | null = null): NodesLog {
  const log = new NodesLog(wanted, 0);
  for (const message of messages) log.told(message);
  return log;
}

test("statuses that were decided, in order, are accepted, whatever is passed over, and over breaks", () => {
  assert.equal(checkNodeWatch(logOf([opened(), told([joining, downB], true), told([upA]), told([upB])]), history), 4);
  const resumed = [opened(), told([upA, downB], true), opened(b), told([]), told([upB])];
  assert.equal(checkNodeWatch(logOf(resumed), history), 3);
  const anew = [opened(), told([upA, upB], true), opened(b), told([upA, downB], true), told([upB])];
  assert.equal(checkNodeWatch(logOf(anew), history), 5);
  assert.equal(checkNodeWatch(logOf([opened(b), told([downB], true), told([upB])], b), history), 2);
  const returned = [opened(), told([upA, upB], true), told([], false, [b]), told([upB])];
  assert.equal(checkNodeWatch(logOf(returned), history), 3);
});

test("of a node that was in another group meanwhile the same may be told again, or something older", () => {
  const again = [opened(), toldAt(4, [upA, upB], true), toldAt(6, [upB])];
  assert.equal(checkNodeWatch(logOf(again), history), 3);
  const older = [opened(), toldAt(4, [upA, upB], true), toldAt(6, [downB]), toldAt(7, [upB])];
  assert.equal(checkNodeWatch(logOf(older), history), 4);
  const bySphere = [opened(b), toldAt(4, [upA, upB], true), toldAt(6, [upA])];
  assert.equal(checkNodeWatch(logOf(bySphere), history), 3);
});

const stranger = verdict(c, 1, "up");
const lies: [guarantee: string, log: NodesLog][] = [
  ["node initial", logOf([opened(), told([upA, upB])])],
  ["node initial", logOf([opened(), told([upA, downB], true), told([upA, upB], true)])],
  ["node truth", logOf([opened(), told([upA, verdict(b, 3, "up")], true), told([upB])])],
  ["node uniqueness", logOf([opened(), told([upA, upB], true), told([upB])])],
  ["node uniqueness", logOf([opened(), toldAt(4, [upA, upB], true), toldAt(6, [upA])])],
  ["node uniqueness", logOf([opened(), toldAt(6, [upA, upB], true), toldAt(7, [upB])])],
  ["node order", logOf([opened(), told([upA, upB], true), told([downB]), told([upB])])],
  ["node reliability", logOf([opened(), told([upA, downB], true)])],
  ["node reliability", logOf([opened(), told([upA], true)])],
  ["node reliability", logOf([opened(), told([upA, upB], true), told([], false, [b])])],
  ["node reliability", logOf([])],
];
for (const [position, [guarantee, log]] of lies.entries()) {
  test(`a breach of ${guarantee} is named: ${position}`, () => {
    assert.throws(
      () => checkNodeWatch(log, history),
      (reason) => reason instanceof Violation && reason.checker === guarantee,
    );
  });
}

test("a node that the sphere has nothing to do with is noticed", () => {
  const withC = new NodeHistory(cluster, [{ group: g, all: [...all, stranger], final: [upA, upB] }]);
  assert.throws(() => checkNodeWatch(logOf([opened(), told([upA, upB, stranger], true)]), withC), /nothing to do with/);
});
