// The share of the trials of nodes that start anew (restart-edge.ts) that runs with every test; mutants are hunted with more.

import assert from "node:assert/strict";
import { test } from "node:test";
import { causes, RestartEdge } from "./restart-edge.ts";

const trialsOfEach = 4;

for (const [at, cause] of causes.entries()) {
  test(`a node that starts anew, and has not heard its agent, admits nothing beside what runs there: ${cause}`, () => {
    for (let trial = 0; trial < trialsOfEach; trial++) {
      const edge = new RestartEdge(at + trial * causes.length);
      assert.equal(edge.cause, cause);
      assert.ok(edge.play() > 0, "nobody has asked for the place");
    }
  });
}
