import assert from "node:assert/strict";
import { test } from "node:test";
import { toMillis } from "../../../proto/ids.ts";
import { nextTick } from "../../../server/node/millis.ts";

test("nextTick() is the next multiple, never now, whenever something has begun", () => {
  const ticks = [0, 0.5, 199.999, 200, 200.001].map((nowMs) => nextTick(toMillis(nowMs), 200));
  assert.deepEqual(ticks, [200, 200, 200, 400, 400]);
});
