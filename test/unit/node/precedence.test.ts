import assert from "node:assert/strict";
import { test } from "node:test";
import { toMillis, toNodeId } from "../../../proto/ids.ts";
import { firstConfiguration } from "../../../proto/membership.ts";
import { limits } from "../../../server/node/limits.ts";
import { Precedence } from "../../../server/node/membership-manager.ts";

const [n1, n2] = ["n1", "n2"].map(toNodeId) as [never, never];

/** How long n1, which is fit all the time, waits from `nowMs` on for leadership to be handed to it. */
function handedOverAfterMs(precedence: Precedence, nowMs: number): number {
  const { membership } = firstConfiguration([n1, n2]);
  for (let waitedMs = 0; ; waitedMs += 1_000) {
    const peers = [{ peer: n1, heardMs: nowMs + waitedMs, state: "replicate", matched: 9 }];
    if (precedence.heir(n2, { membership, peers, last: 9 } as never, toMillis(nowMs + waitedMs)) === n1)
      return waitedMs;
  }
}

test("each handover to an owner that does not keep leadership comes later, until there was none for long", () => {
  const precedence = new Precedence();
  const waits = [];
  let nowMs = 0;
  for (let handover = 0; handover < 8; handover += 1) {
    waits.push(handedOverAfterMs(precedence, nowMs));
    nowMs += waits.at(-1) ?? 0;
  }
  assert.deepEqual(waits, [3_000, 30_000, 60_000, 120_000, 240_000, 480_000, 600_000, 600_000]);
  nowMs += 2 * limits.precedencePauseMsMax;
  assert.equal(handedOverAfterMs(precedence, nowMs), 3_000);
  assert.equal(handedOverAfterMs(precedence, nowMs + 3_000), 30_000);
});
