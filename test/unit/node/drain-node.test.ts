import assert from "node:assert/strict";
import { test } from "node:test";
import { failure } from "../../../proto/errors.ts";
import { encodeGroupConfig } from "../../../proto/group-config.ts";
import { toGroupId, toLogIndex, toNodeId } from "../../../proto/ids.ts";
import type { GroupStatus, Header, Reply, Request } from "../../../proto/requests.ts";
import type { ClusterState } from "../../../server/node/cluster-state.ts";
import { gatherDrain } from "../../../server/node/drain-node.ts";
import { limits } from "../../../server/node/limits.ts";

type ForeseeRequest = Request & { readonly type: "foreseeDrain" };

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

const nobody = () => assert.fail("nothing runs there");

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
    foresee: nobody,
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

/** A group that runs on the node, by its name, the group that it follows, and whether it has a quorum. */
function running(name: string, follows: string | null = null, hasQuorum = true): GroupStatus {
  const management = { sameNode: follows === null ? [] : [follows] };
  const object = { group: toGroupId(name), owners: [node], config: encodeGroupConfig({ management }) };
  return { object, hasQuorum, ownership: { currentOwner: node } } as unknown as GroupStatus;
}

/** @param told by each group that is asked where it would be */
function foreseen(groups: readonly GroupStatus[], told: (asked: ForeseeRequest) => Reply) {
  const asked: string[] = [];
  let answer: Reply | null = null;
  const byName = new Map(groups.map((status) => [status.object.group, status]));
  const state = { directory: { groupsOf: () => groups.map(({ object }) => object) } } as unknown as ClusterState;
  const request = { type: "drainNode", node, wanted: "drained", reason: "", skipUnavailable: true, validateOnly: true };
  const view = {
    state,
    index: toLogIndex(7),
    survey: (question: Request, reply: (reply: Reply) => void) => {
      const status = "group" in question ? byName.get(question.group) : undefined;
      reply({ type: "groupStatus", status } as Reply);
    },
    foresee: (question: Request, reply: (reply: Reply) => void) => {
      const { group: name, places } = question as ForeseeRequest;
      asked.push([name, ...places.map(({ group: other, node: there }) => `${other}=${there}`)].join(" "));
      reply(told(question as ForeseeRequest));
    },
    change: () => assert.fail("it is a dry run"),
  };
  gatherDrain(request as Request & { type: "drainNode" }, view, (reply) => {
    answer = reply;
  });
  return { asked, answer };
}

test("groups are asked one after the other where they would be, each told of those before it", () => {
  const header = {} as Header;
  const { asked, answer } = foreseen(
    [running("a", "c"), running("b"), running("c"), running("d", null, false)],
    (it) => {
      if (it.group === "b") return { type: "foreseeDrain", header, node, reason: "nobody can take it" };
      return { type: "foreseeDrain", header, node: it.group === "c" ? toNodeId("n2") : null, reason: "because" };
    },
  );
  assert.deepEqual(asked, ["c", "a c=n2", "b c=n2 a=null"]);
  assert.deepEqual(answer, {
    type: "drainNode",
    moves: [
      { group: "a", from: node, to: null, reason: "because" },
      { group: "b", from: node, to: null, reason: "nobody can take it" },
      { group: "c", from: node, to: "n2", reason: "because" },
      { group: "d", from: node, to: null, reason: "d has no quorum: what becomes of it is decided when it has one" },
    ],
    unreachable: ["d"],
  });
});

test("a manager that does not answer is named, and nothing is supposed of its group", () => {
  const silent = { type: "failed", failure: failure("deadline", "It did not answer in time", {}) } as const;
  const header = {} as Header;
  const { asked, answer } = foreseen([running("a"), running("b")], (it) =>
    it.group === "a" ? silent : { type: "foreseeDrain", header, node: toNodeId("n2"), reason: "because" },
  );
  assert.deepEqual(asked, ["a", "b"]);
  const reason = "The manager of a has not said where it would go: It did not answer in time";
  assert.deepEqual(answer as Reply | null as unknown, {
    type: "drainNode",
    moves: [
      { group: "a", from: node, to: null, reason },
      { group: "b", from: node, to: "n2", reason: "because" },
    ],
    unreachable: [],
  });
});
