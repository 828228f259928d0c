// All three owners of a group are replaced at once while clients write, and somebody loses power at a step of it: once for
// every step. Whoever leads then goes on with the change where the log says it is.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeId } from "../../proto/ids.ts";
import type { PeerMessage } from "../../proto/messages.ts";
import { isControl } from "../../proto/raft.ts";
import type { GroupRequest, Reply } from "../../proto/requests.ts";
import type { Effect } from "../../server/node/effects.ts";
import type { Input } from "../../server/node/inputs.ts";
import { parseKey } from "../../storage/keys.ts";
import { decodeLogRun } from "../../storage/log-rows.ts";
import { group, namesOf, Scene } from "./scene.ts";

const nodes = namesOf("a b c d e f g");
const before = nodes.slice(0, 3);
const after = nodes.slice(3, 6);
const outsider = nodes[6] as NodeId;
const shape = { nodes, owners: before, voters: namesOf("a d g") };
const downMs = 1_500;
/** No multiple of the number of members, so that each has its turn. */
const stepsBetween = 5;
/** From the request to the answer, with a crash in between. */
const changeMsMax = 15_000;
/** Then those that were left out have nothing of the group any more. */
const tidyMs = 4_000;

/** Who crashes at which step; null: nobody. */
interface Crash {
  readonly step: number;
  readonly victim: (leader: NodeId) => NodeId;
}

interface Played {
  readonly steps: number;
  readonly changeMs: number;
  readonly compared: number;
}

function play(seed: number, crash: Crash | null): Played {
  const scene = new Scene(seed, shape);
  const { world } = scene.testbed;
  const begunMs = scene.nowMs;
  const asked = scene.ask(
    outsider,
    { type: "setOwners", group, owners: after, ifIndex: null, validateOnly: false },
    "setOwners",
  );
  let steps = 0;
  world.observe({
    stepped: (node, input, effects) => {
      if (node === outsider || asked.answer !== null || !isOfChange(input, effects)) return;
      if (steps++ === crash?.step) world.scheduler.after(0, () => scene.crash(crash.victim(scene.leader), downMs));
    },
  });
  scene.until("The change of the owners", () => asked.answer !== null, changeMsMax);
  const changeMs = scene.nowMs - begunMs;
  scene.runFor(1_000);
  const compared = scene.compare(after);
  scene.runFor(tidyMs);
  scene.checkScope(after);
  return { steps, changeMs, compared };
}

/** Steps that say, hear or record something of a change, and those in which a write is durable. */
function isOfChange(input: Input, effects: readonly Effect[]): boolean {
  if (input.type === "peer" && speaksOfChange(input.envelope.message)) return true;
  return effects.some((effect) => {
    if (effect.type === "send") return speaksOfChange(effect.message);
    return effect.type === "write" ? effect.batch.operations.some(isControlRow) : effect.type === "note";
  });
}

const ofChange: readonly PeerMessage["type"][] = ["invite", "departed", "snapshotPart", "snapshotAck", "ownersReport"];

function speaksOfChange(message: PeerMessage): boolean {
  if (message.type !== "raft") return ofChange.includes(message.type);
  const { message: raft } = message;
  return raft.type === "timeoutNow" || (raft.type === "append" && raft.slice.entries.some((e) => isControl(e.payload)));
}

function isControlRow(operation: Extract<Effect, { type: "write" }>["batch"]["operations"][number]): boolean {
  if (operation.type !== "put" || parseKey(operation.key).type !== "log") return false;
  const run = decodeLogRun(operation.value);
  return typeof run !== "string" && run.entries.some(({ payload }) => isControl(payload));
}

function mustPlay(seed: number, crash: Crash, who: string): Played {
  try {
    return play(seed, crash);
  } catch (reason) {
    throw new Error(`seed ${seed}, ${who} crashes at step ${crash.step}: ${(reason as Error).message}`, {
      cause: reason,
    });
  }
}

test("three owners are replaced at once under load: no acknowledged write is lost, and nothing is left behind", () => {
  for (let seed = 1; seed <= 3; seed++) {
    const { changeMs, compared } = play(seed, null);
    assert.ok(changeMs < 1_000, `seed ${seed}: ${changeMs} ms`);
    assert.ok(compared > 50);
  }
});

test("whoever leads may lose power at any step of it", () => {
  const { steps } = play(1, null);
  assert.ok(steps > 40);
  for (let step = 0; step < steps; step++) mustPlay(1, { step, victim: (leader) => leader }, "the leader");
});

test("any old or new owner may lose power at any step of it", () => {
  const { steps } = play(2, null);
  const members = [...before, ...after];
  for (let step = 0; step < steps; step += stepsBetween) {
    const victim = members[step % members.length] as NodeId;
    mustPlay(2, { step, victim: () => victim }, victim);
  }
});

test("a node that was being brought up when the change was given up keeps nothing of the group", () => {
  const scene = new Scene(1, shape);
  const [first, ...others] = after as [NodeId, NodeId, NodeId];
  const silent = others[0] as NodeId;
  const requestOf = (owners: readonly NodeId[]): GroupRequest => {
    return { type: "setOwners", group, owners, ifIndex: null, validateOnly: false };
  };
  scene.node(silent).crash("process");
  const abandoned = { reply: () => {}, watch: () => {}, lost: () => {} };
  scene.node(outsider).call(requestOf([...before, first, silent]), 5_000, abandoned);
  const hasReplica = () => scene.testbed.log.mirror.holders("rg1/1").includes(first);
  scene.until("A replica on a new owner", hasReplica, 3_000);
  const given = scene.ask(outsider, requestOf(before.toReversed()), "setOwners");
  scene.until("The owners in another order", () => given.answer !== null, 10_000);
  scene.until("No replica on whoever is no owner", () => !hasReplica(), 5_000);
  assert.ok(scene.compare(before) > 0);
  scene.checkScope(before);
});

test("a new owner that loses power before its disk has it that it is one is invited again", () => {
  for (let seed = 1; seed <= 4; seed++) {
    const scene = new Scene(seed, shape);
    const joining = after[0] as NodeId;
    // A new leader would invite everybody anew.
    scene.until("The first owner's turn", () => scene.leader === before[0], 10_000);
    scene.node(joining).disk.condition.stickFor(1_500);
    let hasJoined = false;
    scene.testbed.world.observe({
      noted: (node, _level, text) => {
        if (node === joining && text === "Joins a group") hasJoined = true;
      },
    });
    const request: GroupRequest = { type: "setOwners", group, owners: after, ifIndex: null, validateOnly: false };
    let answer: Reply | null = null;
    const reply = (given: Reply) => {
      answer = given;
    };
    // Once: whoever asks again begins another change.
    scene.node(outsider).call(request, changeMsMax, { reply, watch: () => {}, lost: () => {} });
    scene.until("An invitation", () => hasJoined, 2_000);
    scene.runFor(500);
    scene.crash(joining, 500);
    scene.until("The answer", () => answer !== null, changeMsMax + 1_000);
    assert.equal((answer as Reply | null)?.type, "setOwners", `seed ${seed}: ${JSON.stringify(answer)}`);
    assert.ok(scene.compare(after) > 0);
  }
});
