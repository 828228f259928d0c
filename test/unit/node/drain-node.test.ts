import assert from "node:assert/strict";
import { test } from "node:test";
import { failure } from "../../../proto/errors.ts";
import { toGroupId, toLogIndex, toNodeId } from "../../../proto/ids.ts";
import type { Reply, Request } from "../../../proto/requests.ts";
import type { ClusterState } from "../../../server/node/cluster-state.ts";
import { gatherDrain } from "../../../server/node/drain-node.ts";
import { limits } from "../../../server/node/limits.ts";

const group = toGroupId("a");
const node = toNodeId("n1");
const unknown: Reply = {
  type: "failed",
  failure: failure("outcome_unknown", "The manager changed", { group }, "unknown"),
};
const conflict: Reply = {
  type: "failed",
  failure: failure("txn_conflict", "The owners are just being changed", { group }),
};
const done = { type: "transact" } as Reply;

/** @param told by the group, one after the other, the last of them for ever @returns what was asked, and the answer */
function drained(told: readonly Reply[]) {
  const asked: string[] = [];
  const answers: Reply[] = [];
  const status = { object: { group }, hasQuorum: true, ownership: { currentOwner: null } };
  const state = { directory: { groupsOf: () => [{ group }] } } as unknown as ClusterState;
  const request = { type: "drainNode", node, wanted: "drained", reason: "" } as Request & { type: "drainNode" };
  const view = {
    state,
    index: toLogIndex(7),
    survey: (_: Request, answer: (reply: Reply) => void) => answer({ type: "groupStatus", status } as unknown as Reply),
    change: ({ type }: Request, answer: (reply: Reply) => void) => {
      const turn = asked.filter((each) => each === "transact").length;
      asked.push(type);
      answer(
        type === "transact" ? (told[Math.min(turn, told.length - 1)] as Reply) : ({ type: "intendNode" } as Reply),
      );
    },
  };
  gatherDrain(request, view, (reply) => answers.push(reply));
  assert.equal(answers.length, 1);
  return { asked, answer: answers[0] as Reply };
}

test("a drain whose manager changed meanwhile is asked for once more, and goes on record when it is done", () => {
  const { asked, answer } = drained([unknown, unknown, done]);
  assert.deepEqual(asked, ["transact", "transact", "transact", "intendNode"]);
  assert.equal(answer.type, "drainNode");
});

test("a drain of which nothing becomes known ends, and what is refused is not asked for again", () => {
  assert.deepEqual(drained([unknown]), { asked: Array(limits.drainAttemptsMax).fill("transact"), answer: unknown });
  assert.deepEqual(drained([conflict]), { asked: ["transact"], answer: conflict });
});
