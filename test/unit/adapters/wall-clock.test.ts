import assert from "node:assert/strict";
import { test } from "node:test";
import { adapterLimits } from "../../../server/adapters/adapter-limits.ts";
import { WallClock } from "../../../server/adapters/wall-clock.ts";
import type { Input } from "../../../server/node/inputs.ts";

test("WallClock tells once that the wall clock has been set, and nothing as long as it only goes on", (context) => {
  context.mock.timers.enable({ apis: ["setInterval"] });
  let setByMs = 0;
  const { now } = Date;
  context.mock.method(Date, "now", () => now() + setByMs);
  const inputs: Input[] = [];
  const clock = new WallClock((input) => inputs.push(input));
  const beforeMs = clock.offsetMs;
  const look = () => {
    context.mock.timers.tick(adapterLimits.wallClockCheckMs);
    return inputs.splice(0).map((input) => (input.type === "wallClock" ? input.offsetMs - beforeMs : Number.NaN));
  };
  assert.deepEqual(look(), []);
  setByMs = -3_600_000;
  const [byMs] = look();
  assert(byMs !== undefined && Math.abs(byMs - setByMs) < adapterLimits.wallClockErrorMs, `${byMs} ms`);
  assert.deepEqual(look(), []);
  setByMs = 0;
  clock.stop();
  assert.deepEqual(look(), []);
});
