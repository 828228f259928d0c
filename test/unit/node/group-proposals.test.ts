// What waits to be proposed is bounded: so much at once, so much in all.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Millis, toGroupId, toMillis } from "../../../proto/ids.ts";
import type { GroupRequest } from "../../../proto/requests.ts";
import { type Call, Calls } from "../../../server/node/calls.ts";
import { GroupProposals } from "../../../server/node/group-proposals.ts";
import type { GroupReplica } from "../../../server/node/group-replies.ts";
import { limits } from "../../../server/node/limits.ts";
import { Outbox } from "../../../server/node/outbox.ts";
import type { World } from "../../../server/node/world.ts";
import { put } from "./cluster.ts";

const nowMs: Millis = toMillis(1);
const mebibyte = new Uint8Array(1024 * 1024);

class Scene {
  readonly out = new Outbox();
  readonly calls = new Calls(this.out);
  /** Entries of each proposal. */
  readonly proposed: number[] = [];
  accepts = true;
  waiting = 0;
  readonly proposals: GroupProposals;

  constructor() {
    const replica = {
      key: { group: toGroupId("rg") },
      role: "leader",
      status: { heir: null },
      propose: (payloads: readonly Uint8Array[]) => {
        this.proposed.push(payloads.length);
        return this.accepts;
      },
    };
    this.proposals = new GroupProposals(
      { calls: this.calls } as World,
      replica as unknown as GroupReplica,
      { manager: () => null, waiting: () => (this.waiting += 1), begun() {}, repeated() {}, reroute() {} } as never,
    );
  }

  write(number: number, value: Uint8Array): Call {
    const request = put("k", value) as GroupRequest & { type: "put" };
    const call = this.calls.open({ type: "client", call: number }, request, null) as Call;
    this.proposals.write(call, request, 0 as never);
    return call;
  }

  /** Codes of the failures that were answered since the last look. */
  failures(): readonly string[] {
    const effects = this.out.take(0 as never, "");
    return effects.flatMap((effect) =>
      effect.type === "reply" && effect.reply.type === "failed" ? [effect.reply.failure.code] : [],
    );
  }
}

test("propose() takes as many as proposeBytesMax holds, in order, and leaves the rest", () => {
  const scene = new Scene();
  for (let number = 1; number <= 10; number++) scene.write(number, mebibyte);
  assert.equal(scene.waiting, 1);
  scene.proposals.propose(nowMs);
  assert.deepEqual([scene.proposed, scene.proposals.areWaiting], [[7], true]);
  scene.proposals.propose(nowMs);
  assert.deepEqual([scene.proposed, scene.proposals.areWaiting], [[7, 3], false]);
});

test("write() refuses what exceeds uncommittedBytesMax with all that waits, and says that nothing happened", () => {
  const scene = new Scene();
  const most = Math.floor(limits.uncommittedBytesMax / (mebibyte.byteLength + 100));
  for (let number = 1; number <= most; number++) scene.write(number, mebibyte);
  assert.deepEqual(scene.failures(), []);
  const refused = scene.write(most + 1, mebibyte);
  assert.deepEqual([scene.failures(), refused.mayHaveHappened], [["overloaded"], false]);
  scene.proposals.propose(nowMs);
  scene.write(most + 2, mebibyte);
  assert.deepEqual(scene.failures(), []);
});
