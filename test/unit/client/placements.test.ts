// What operators want of a group's application: what is sent, and what is sent again when an answer is lost.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, createInProcessTransport, DbError, inProcessService } from "../../../client/index.ts";
import { failure } from "../../../proto/errors.ts";
import type { RequestId } from "../../../proto/gen/bailiwick/v1/common_pb.ts";
import { GroupService } from "../../../proto/gen/bailiwick/v1/group_service_pb.ts";
import { SessionService } from "../../../proto/gen/bailiwick/v1/session_pb.ts";
import { fakeGroup } from "./fake-answers.ts";
import { FakeCluster } from "./fake-cluster.ts";
import { placementHandlers } from "./fake-placements.ts";
import { ManualClock } from "./manual-clock.ts";

function createClient(cluster: FakeCluster) {
  return new Client({
    endpoints: ["n202:7401"],
    connect: cluster.connect,
    clock: new ManualClock(),
    random: () => 0.5,
  });
}

test("Client sends what is wanted of a group's application, and answers how the group stands", async () => {
  const cluster = new FakeCluster();
  const client = createClient(cluster);
  const moved = await client.moveGroup({ group: "rg220", to: "n208", ifEpoch: 5, wait: true });
  assert.deepEqual([moved.group.currentOwner, moved.header.group], ["n202", "rg220"]);
  await client.startGroup({ group: "rg220", on: "n208", validateOnly: true });
  await client.stopGroup({ group: "rg220" });
  await client.freezeGroup({ group: "rg220", why: "new disk" });
  await client.unfreezeGroup({ group: "rg220", confirmedOnlyOn: "n202", ifEpoch: 5, why: "unplugged" });
  await client.clearGroupError({ group: "rg220", forgetMoves: true });
  const { explanation } = await client.explainGroup("rg220", { decisions: 7 });
  assert.deepEqual(
    explanation.candidates.map(({ node, rank, eligible }) => [node, rank, eligible]),
    [
      ["n202", 1, true],
      ["n208", 0, false],
      ["n214", 2, true],
    ],
  );
  assert.equal(explanation.decisions[0]?.time, "2030-03-17T17:46:40Z");
  assert.deepEqual(
    cluster.calls.map((call) => call.replace("n202:7401 ", "")),
    [
      ...["moveGroup n208 if 5 wait", "startGroup n208 check", "stopGroup", "freezeGroup new disk"],
      ...["unfreezeGroup n202 if 5 unplugged", "clearGroupFault forget", "explainGroup 7"],
    ],
  );
  await assert.rejects(client.moveGroup({ group: "rg220", ifEpoch: -1 }), { code: "invalid_argument" });
});

/** A group that fails the first call of each kind after it may have been carried out. */
function scene(retrySafe: boolean) {
  const header = { clusterId: "c", group: "rg220", incarnation: 1n, revision: 9n, node: "n202" };
  const identities: string[] = [];
  const parts = { enter: () => {}, header: () => header, placed: async () => fakeGroup(), tell: () => {} };
  const handlers = placementHandlers(parts);
  const lose = (requestId: RequestId | undefined) => {
    identities.push(requestId === undefined ? "none" : `${requestId.session} ${requestId.sequence}`);
    if (identities.length % 2 === 1) throw new DbError(failure("outcome_unknown", "The answer was lost"));
  };
  const groups = inProcessService(GroupService, {
    moveGroup: (request) => {
      lose(request.requestId);
      return handlers.moveGroup(request);
    },
    freezeGroup: (request) => {
      lose(request.requestId);
      return handlers.freezeGroup(request);
    },
    clearGroupFault: (request) => {
      lose(request.requestId);
      return handlers.clearGroupFault(request);
    },
  });
  const sessions = inProcessService(SessionService, {
    openSession: () => ({ header, session: "s1", ttlMs: 1, sequence: 5n }),
    closeSession: () => ({ header }),
  });
  const connect = () => Promise.resolve(createInProcessTransport([groups, sessions]));
  return { identities, client: new Client({ endpoints: ["h:1"], connect, retrySafe, random: () => 0 }) };
}

test("a wish that may have been carried out is sent again under its identity, where the client has sessions", async () => {
  const { client, identities } = scene(true);
  await client.moveGroup({ group: "rg220" });
  await client.freezeGroup({ group: "rg220" });
  await client.clearGroupError({ group: "rg220" });
  assert.deepEqual(identities, ["s1 6", "s1 6", "s1 7", "s1 7", "s1 8", "s1 8"]);
  await client.close();
});

test("without sessions it is not sent again, unless nothing was to be done", async () => {
  const { client, identities } = scene(false);
  await assert.rejects(client.moveGroup({ group: "rg220" }), { code: "outcome_unknown" });
  await client.freezeGroup({ group: "rg220" });
  await client.moveGroup({ group: "rg220", validateOnly: true });
  assert.deepEqual(identities, ["none", "none", "none", "none"]);
  await client.close();
});
