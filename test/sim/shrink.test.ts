// A run that fails is made smaller, and what is left still fails.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunReport } from "../../server/simulation/report.ts";
import type { SimOptions } from "../../server/simulation/run-options.ts";
import { Violation, type ViolationKind } from "../../server/simulation/violation.ts";
import { drawOptions } from "./options.ts";
import { flagsOf, noReduction, reduced, shrink } from "./shrink.ts";

/** A run that does not run: fails as `kindOf` says. */
function pretend(kindOf: (options: SimOptions) => ViolationKind | null) {
  return (options: SimOptions): RunReport => {
    const kind = kindOf(options);
    const violation = kind === null ? null : new Violation(kind, "pretended", "as asked");
    return { options, virtualMs: 0, hash: "", violation, counts: null };
  };
}

const link = { ...drawOptions(1).link };
const drawn: SimOptions = {
  ...drawOptions(1),
  safetyMs: 10_000,
  link,
  gossip: "lost",
  crash: { meanMs: 1, downMsMax: 1, powerProbability: 0, nodesMax: 1 },
  partition: { meanMs: 1, durationMsMax: 1 },
  pause: { kind: "pause", meanMs: 1, durationMsMin: 1, durationMsMax: 1 },
  core: { groupsShare: 1, rest: "cut" },
};

test("every fault, all time and all clients that the failure does not need are taken away", () => {
  const needsCrashes = pretend(({ crash, safetyMs, workload }) =>
    crash !== null && safetyMs >= 2_000 && workload.clients >= 2 ? "correctness" : null,
  );
  const options = { ...drawn, workload: { ...drawn.workload, clients: 8 } };
  const { reduction, report } = shrink(needsCrashes(options), noReduction, { drawn: options, run: needsCrashes });
  assert.notEqual(report.options.crash, null);
  assert.ok(!reduction.without.includes("crash"));
  for (const fault of ["partition", "pause", "gossip", "core"] as const) assert.ok(reduction.without.includes(fault));
  assert.deepEqual([reduction.safetyMs, reduction.clients], [2_500, 2]);
  assert.match(flagsOf(reduction), /^ --without \S*partition\S* --safety-ms 2500 --clients 2$/);
  assert.deepEqual(reduced(options, reduction), report.options);
});

test("a smaller run that fails in another kind is not taken", () => {
  const run = pretend(({ partition }) => (partition === null ? "invalid" : "liveness"));
  const { reduction, report } = shrink(run(drawn), noReduction, { drawn, run });
  assert.ok(!reduction.without.includes("partition"));
  assert.equal(report.violation?.kind, "liveness");
});
