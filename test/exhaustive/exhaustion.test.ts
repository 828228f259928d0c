import assert from "node:assert/strict";
import { test } from "node:test";
import { boundsOf } from "./bounds.ts";
import { reportOf } from "./report.ts";
import { search } from "./search.ts";

/** Each ends with an empty queue; the widest that take longer are run by hand (run.ts). */
const searches = [
  boundsOf(1, { proposals: 1, crashes: 1 }),
  boundsOf(1, { changes: 1 }),
  boundsOf(1, { weighings: 1 }),
  boundsOf(2, { proposals: 1 }),
  boundsOf(2, { crashes: 1 }),
  boundsOf(2, { changes: 1 }),
];

for (const bounds of searches) {
  test(`nothing that can happen to three members breaks safety: ${bounds.name}`, (context) => {
    const found = search(bounds);
    const report = reportOf(bounds, found);
    context.diagnostic(report);
    assert.ok(found.isAll, report);
  });
}
