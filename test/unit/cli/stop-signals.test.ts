// The first signal asks a command to stop, the second forces it; one that arrives twice at once is one.

import assert from "node:assert/strict";
import { test } from "node:test";
import { onStopSignals } from "../../../server/commands/signals.ts";

test("a signal that arrives twice at once counts as one, a later one as the second", (t) => {
  let nowMs = 1000;
  t.mock.method(performance, "now", () => nowMs);
  const seen: [string, number][] = [];
  const ignore = onStopSignals((signal, count) => {
    seen.push([signal, count]);
  });
  t.after(ignore);
  process.emit("SIGTERM", "SIGTERM");
  nowMs += 199;
  process.emit("SIGTERM", "SIGTERM");
  assert.deepEqual(seen, [["SIGTERM", 1]]);
  nowMs += 1;
  process.emit("SIGINT", "SIGINT");
  assert.deepEqual(seen.at(-1), ["SIGINT", 2]);
});
