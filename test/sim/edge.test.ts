// The share of the trials at the edge of rights (edge.ts) that runs with every test; the mutants of rights are hunted with more.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Edge, losses } from "./edge.ts";

const trialsOfEach = 6;

for (const [at, loss] of losses.entries()) {
  test(`no second owner acts while the first one may, at the edge of clocks and rights: ${loss}`, (context) => {
    const passedOn = Array.from({ length: trialsOfEach }, (_, trial) => {
      const edge = new Edge(at + trial * losses.length);
      assert.equal(edge.loss, loss);
      const [before, after] = edge.play();
      return before !== after;
    }).filter(Boolean).length;
    context.diagnostic(`${passedOn} of ${trialsOfEach} owners had a successor`);
    assert.ok(loss === "late return" ? passedOn > 0 : passedOn === trialsOfEach);
  });
}
