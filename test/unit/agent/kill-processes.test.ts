import assert from "node:assert/strict";
import { test } from "node:test";
import { agentLimits } from "../../../client/agent/agent-limits.ts";
import { killUntilNone } from "../../../client/agent/kill-processes.ts";

/** Searches that find these, one after the other, and then none. @returns what was killed, how many are left, and the searches */
async function kill(found: readonly (readonly number[])[]) {
  const killed: number[] = [];
  let searches = 0;
  const find = () => found[searches++] ?? [];
  const left = await killUntilNone({ find, kill: (pid) => void killed.push(pid), pause: async () => {} });
  return { killed, left, searches };
}

test("a process that one search has missed is found and killed by the next", async () => {
  assert.deepEqual(await kill([[], [7]]), { killed: [7], left: 0, searches: 4 });
  assert.deepEqual(await kill([[7], [], [8], []]), { killed: [7, 8], left: 0, searches: 5 });
});

test("a search ends when it finds none twice in a row", async () => {
  assert.deepEqual(await kill([]), { killed: [], left: 0, searches: 2 });
});

test("a search ends with what cannot be killed", async () => {
  const { left, searches } = await kill(Array.from({ length: 1_000 }, () => [7, 8]));
  assert.deepEqual([left, searches], [2, agentLimits.killsQuick + 1]);
});
