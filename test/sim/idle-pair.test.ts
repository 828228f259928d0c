import assert from "node:assert/strict";
import { test } from "node:test";
import { measureIdlePair } from "./idle-pair.ts";

test("idle groups add nothing to the beats between their nodes", () => {
  const [few, many] = [measureIdlePair(2, 10), measureIdlePair(50, 10)];
  assert.equal(many.beats, few.beats);
  assert.ok(
    many.beatBytes <= few.beatBytes + 2 * many.beats,
    `${many.beatBytes} bytes for 50 groups, ${few.beatBytes} for 2`,
  );
});
