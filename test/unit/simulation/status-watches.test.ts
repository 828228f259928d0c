// The checker of status watches accepts states in order that end with the present one, and names what else it is given.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toEpoch, toGroupId, toLogIndex } from "../../../proto/ids.ts";
import type { GroupStatus } from "../../../proto/requests.ts";
import { checkStatusWatch } from "../../../server/simulation/checkers/status-watches.ts";
import { Violation } from "../../../server/simulation/violation.ts";
import type { StatusLog, ToldState } from "../../../server/simulation/workload/status-watchers.ts";
import { entry, statusOf } from "../../conformance/api-fixtures.ts";

const base = statusOf(entry("rg1", ["n1", "n2"]));

function statusAt(index: number, epoch: number): GroupStatus {
  return { ...base, applied: toLogIndex(index), ownership: { ...base.ownership, epoch: toEpoch(epoch) } };
}

function told(...states: readonly (readonly [index: number, epoch: number, initial?: boolean])[]): StatusLog {
  const all: ToldState[] = states.map(([index, epoch, initial = false]) => {
    return { index, initial, status: statusAt(index, epoch) };
  });
  return { group: toGroupId("rg1"), states: all };
}

test("states in the order of the log that end with the present one are accepted", () => {
  assert.equal(checkStatusWatch(told([3, 1, true], [7, 2], [9, 3]), statusAt(20, 3)), 3);
});

const lies: [guarantee: string, log: StatusLog][] = [
  ["status initial", told([3, 1])],
  ["status initial", told([3, 1, true], [7, 2, true])],
  ["status order", told([3, 1, true], [3, 3])],
  ["status order", told([3, 2, true], [4, 1])],
  ["status reliability", told([3, 1, true], [7, 2])],
  ["status reliability", told()],
];
for (const [position, [guarantee, log]] of lies.entries()) {
  test(`a breach of ${guarantee} is named: ${position}`, () => {
    assert.throws(
      () => checkStatusWatch(log, statusAt(20, 3)),
      (reason) => reason instanceof Violation && reason.checker === guarantee,
    );
  });
}
