// `bailiwick simulate`: bad arguments are told, and the summary says what happened.

import assert from "node:assert/strict";
import { test } from "node:test";
import { registerCommands } from "../../../server/commands/register-commands.ts";
import { summaryOf } from "../../../server/commands/simulate-summary.ts";
import { readTopology } from "../../../server/commands/simulate-topology.ts";
import { longRunFaults } from "../../../server/simulation/long-run-options.ts";
import { cli } from "../cli/harness.ts";

test("the help of simulate names every fault that it takes", async () => {
  const { out } = await cli("simulate --help", { register: registerCommands });
  for (const name of longRunFaults) assert.match(out, new RegExp(`[ \\n]${name} {2,}[a-z]`), name);
});

const refused: readonly (readonly [string, RegExp, number])[] = [
  ["--faults flood", /--faults names "flood".*crash, partition/, 2],
  ["--faults crash,", /--faults names ""/, 2],
  // The cluster that a user asks about keeps its owners.
  ["--faults churn", /--faults names "churn"/, 2],
  ["--hours none", /hours are a number from 0.01/, 2],
  ["--hours 0", /hours are a number from 0.01/, 2],
  ["--seed -1", /a seed is an integer/, 2],
  ["--seed 1.5", /a seed is an integer/, 2],
  ["-f does-not-exist.yaml", /does-not-exist.yaml/, 3],
];

for (const [flags, message, exitCode] of refused) {
  test(`simulate ${flags} is refused`, async () => {
    const { code, err, out } = await cli(`simulate ${flags}`, { register: registerCommands });
    assert.deepEqual([code, out], [exitCode, ""]);
    assert.match(err, message);
  });
}

test("a cluster file of `dev`, without addresses, is a topology; a bad one is refused with its place", () => {
  const text = "name: demo\nnodes: [{name: n2}, {name: n1}, {name: n3}]\ngroups: [{name: g, owners: [n2, n1]}]\n";
  const { nodes, groups, bootstrap } = readTopology({ file: "cluster.yaml", text });
  assert.deepEqual([nodes, [...groups]], [["n1", "n2", "n3"], [["g", ["n2", "n1"]]]]);
  assert.equal(bootstrap.voters.length, 3);
  assert.throws(() => readTopology({ file: "cluster.yaml", text: text.replace("n1]", "n9]") }), /cluster.yaml:3.*n9/);
});

const report = {
  seed: 7,
  virtualHours: 1.5,
  isComplete: true,
  topology: "3 nodes, 1 groups of 2 owners",
  groups: [
    {
      group: "orders" as never,
      owners: ["n1", "n2"],
      availability: 0.99999999,
      interruptions: 2,
      failovers: { count: 1, medianMs: 1_100, longestMs: 1_100 },
    },
  ],
  faults: { crash: 4 },
  operations: { begun: 10, acknowledged: 9, compared: 8 },
  checkpoints: 1,
  violations: [],
  hash: "00ff",
  replay: "bailiwick simulate --seed 7",
};

test("the summary never rounds an interruption away, and ends with the hash", () => {
  const text = summaryOf(report);
  assert.match(text, /orders +2 +99\.9999 % +2 +1 +1\.1 s +1\.1 s/);
  assert.match(text, /crash 4/);
  assert.match(text, /nothing was violated; audit hash 00ff\n$/);
});

test("a violation is told with its time and the command that shows it again", () => {
  const violation = { kind: "correctness", checker: "replay", message: "it is lost", virtualSeconds: 12.5 };
  const text = summaryOf({ ...report, isComplete: false, violations: [violation] });
  assert.match(
    text,
    /VIOLATION of correctness \(replay\) at 12\.500 virtual seconds: it is lost\n {2}again: bailiwick sim/,
  );
  assert.match(text, /1\.5, not to the end/);
  assert.doesNotMatch(text, /nothing was violated/);
});
