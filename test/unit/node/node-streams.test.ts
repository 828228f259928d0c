import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeClusterCommand } from "../../../proto/codec/commands.ts";
import { toLogIndex, toMillis, toTerm } from "../../../proto/ids.ts";
import type { RecoveryStatus } from "../../../proto/model.ts";
import type { Entry } from "../../../proto/raft.ts";
import type { WatchMessage } from "../../../proto/requests.ts";
import type { ClusterDatabase } from "../../../server/node/cluster-database.ts";
import { ClusterState } from "../../../server/node/cluster-state.ts";
import { NodeStreams } from "../../../server/node/node-streams.ts";
import { bootstrapOf, n1, n2, n3, n4, worldOf } from "./cluster.ts";

const shape = { nodes: [n1, n2, n3, n4], groups: { ga: [n1, n2] }, voters: [n1, n2, n3] };

/** The database after verdicts on n4, which is in no group, at the indexes 1, 2, … of the log. */
function databaseAfter(...verdicts: RecoveryStatus[]): ClusterDatabase {
  const state = ClusterState.genesis(bootstrapOf(shape), 1);
  for (const [at, status] of verdicts.entries()) {
    const payload = encodeClusterCommand({ type: "verdicts", atMs: 0, changes: [{ node: n4, status, reason: "" }] });
    state.applyEntry({ term: toTerm(1), index: toLogIndex(at + 1), payload } satisfies Entry);
  }
  return { state, index: toLogIndex(verdicts.length), replica: null } as unknown as ClusterDatabase;
}

test("a watch of nodes is not told once more what was before, when its node gets a vote with an older snapshot", () => {
  const world = worldOf(n4);
  const told: string[] = [];
  const stream = (_key: number, message: WatchMessage) => {
    if (message.type === "nodeStates") told.push(...message.nodes.map(({ status }) => status));
  };
  const knowledge = { database: databaseAfter(), components: () => [] };
  const streams = new NodeStreams({ ...world, calls: { stream } } as unknown as typeof world, knowledge);
  const holds = (database: ClusterDatabase) => {
    knowledge.database = database;
    streams.directoryChanged(database.state.directory);
    streams.settle(toMillis(told.length));
    streams.drained(1);
  };
  holds(databaseAfter("up"));
  const wish = { nodes: [], after: null, initial: true, progressIntervalMs: 0 };
  assert.ok(streams.watchNodes(1, { type: "watchNodes", ...wish }, toMillis(0)));
  holds(databaseAfter("up"));
  holds(databaseAfter("up", "down"));
  holds(databaseAfter("up"));
  holds(databaseAfter("up", "down", "up"));
  assert.deepEqual(told, ["up", "down", "up"]);
});
