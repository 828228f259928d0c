// What is under way with an application and what of it failed, as the status of the cluster tells it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { PendingOperation_Kind as PendingKind } from "../../../proto/gen/bailiwick/v1/cluster_pb.ts";
import { NodeSchema } from "../../../proto/gen/bailiwick/v1/node_pb.ts";
import { RecoveryStatus } from "../../../proto/gen/bailiwick/v1/status_pb.ts";
import { toEpoch, toLogIndex } from "../../../proto/ids.ts";
import type { Ownership } from "../../../proto/model.ts";
import type { GroupError, Placement } from "../../../proto/placement.ts";
import { toPendingDrain, toPendingOwners } from "../../../server/api/convert/pending.ts";
import { toPendingMove, toStartFailures } from "../../../server/api/convert/placements.ts";
import { entry, n202, n208, statusOf } from "../../conformance/api-fixtures.ts";

function statusWith(state: Ownership["state"], placement: Partial<Placement> = {}) {
  const status = statusOf(entry("rg220", ["n202", "n208", "n214"]));
  return {
    ...status,
    ownership: { currentOwner: state === "offline" ? null : n202, epoch: toEpoch(5), state, reason: "" },
    placement: { ...status.placement, decisions: [], ...placement },
  };
}

test("toPendingMove() tells of starts, stops and moves, and of nothing else", () => {
  const whatOf = (...given: Parameters<typeof statusWith>) => toPendingMove(statusWith(...given))?.what ?? null;
  assert.equal(whatOf("acquiring"), "Starts on n202");
  assert.equal(whatOf("releasing"), "Stops on n202");
  assert.equal(whatOf("releasing", { move: { to: n208 } }), "Stops on n202, to move to n208");
  assert.equal(whatOf("online", { move: { to: null } }), "Is online on n202, to move to another owner");
  assert.equal(whatOf("offline", { move: { to: n208 } }), "Is offline, to move to n208");
  for (const state of ["online", "offline", "suspended", "error"] as const) assert.equal(whatOf(state), null);
  const index = toLogIndex(60);
  const said = { isWish: true, reason: "", samples: [], what: null, manager: null, who: "" };
  const decision = { ...said, index, atMs: 8_000, epoch: null, from: n202, to: n202 };
  const pending = toPendingMove(statusWith("acquiring", { decisions: [decision] }));
  assert.deepEqual(
    [pending?.kind, pending?.group, pending?.node, pending?.since],
    [PendingKind.MOVE, "rg220", "n202", timestampFromMs(8_000)],
  );
  const notes = [
    { ...decision, what: "moveWanted", atMs: 9_000 },
    { ...decision, what: "frozen", atMs: 9_500 },
  ] as const;
  const wanted = toPendingMove(statusWith("online", { decisions: [decision], notes, move: { to: n208 } }));
  assert.deepEqual(wanted?.since, timestampFromMs(9_000));
});

test("toPendingDrain() tells of a node whose applications still move off, and what is there", () => {
  const node = create(NodeSchema, {
    name: "n202",
    recoveryStatus: RecoveryStatus.DRAINING,
    manages: ["rg220", "rg226"],
  });
  const { kind, node: name, what } = toPendingDrain(node) ?? {};
  const told = "Its applications move off, still there: rg220, rg226";
  assert.deepEqual([kind, name, what], [PendingKind.DRAIN, "n202", told]);
  assert.equal(toPendingDrain({ ...node, manages: [] })?.what, "Its applications move off");
  assert.equal(toPendingDrain({ ...node, recoveryStatus: RecoveryStatus.MAINTENANCE }), null);
});

test("toPendingOwners() tells of a group whose members change, and who has to catch up", () => {
  const status = statusWith("online");
  assert.equal(toPendingOwners(status), null);
  const target = [n202, n208].map((node, at) => ({ node, votes: 1, isWitness: false, member: at + 1 })) as never;
  const changing = { ...status, membership: { ...status.membership, target } };
  assert.equal(toPendingOwners(changing)?.what, "On its way to the members n202, n208");
  const learners = [{ node: n208 }] as never;
  const { kind, group, what } = toPendingOwners({ ...status, membership: { ...changing.membership, learners } }) ?? {};
  assert.deepEqual([kind, group], [PendingKind.OWNER_CHANGE, "rg220"]);
  assert.equal(what, "On its way to the members n202, n208, waits for n208 to catch up");
});

test("toStartFailures() tells of every owner that failed, and of the last error once", () => {
  const failureOn = (node: typeof n202, atMs: number): GroupError => {
    return { node, resource: "postgres", reason: `did not start on ${node}`, atMs };
  };
  const [early, late] = [failureOn(n208, 1_000), failureOn(n202, 2_000)];
  const told = (placement: Partial<Placement>) =>
    toStartFailures(statusWith("error", placement)).map(({ group, node, resource, what }) => [
      ...[group, node, resource],
      what,
    ]);
  const both = [
    ["rg220", "n208", "postgres", "did not start on n208"],
    ["rg220", "n202", "postgres", "did not start on n202"],
  ];
  assert.deepEqual(told({ bans: [early, late], error: late }), both);
  assert.deepEqual(told({ bans: [early], error: late }), both);
  assert.deepEqual(told({ bans: [early], error: null }), both.slice(0, 1));
  assert.deepEqual(told({ bans: [], error: null }), []);
});
