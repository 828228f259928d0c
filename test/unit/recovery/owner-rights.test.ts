// How long somebody may still act, as a manager counts it: always at least as long as the holder itself believes, whoever managed
// the group before and however fast the clocks run.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toEpoch, toGroupId, toMillis, toNodeId } from "../../../proto/ids.ts";
import type { Ownership } from "../../../proto/model.ts";
import { type GrantView, grantFor } from "../../../server/recovery/grants.ts";
import { OwnerRights } from "../../../server/recovery/owner-rights.ts";

const terms = { ttlMs: 10_000, renewIntervalMs: 1_000, stopBudgetMs: 500, clockRateError: 0.05, isEndless: false };
const [first, second] = [toEpoch(1), toEpoch(2)];

function managing(sinceMs: number): OwnerRights {
  const rights = new OwnerRights();
  rights.begin(toMillis(sinceMs));
  return rights;
}

test("a manager that has applied nothing of its own term cannot tell when a right is over", () => {
  assert.equal(new OwnerRights().endsMs(first, terms), null);
});

test("a manager that takes over counts from its own beginning", () => {
  assert.equal(managing(500).endsMs(first, terms), 11_000);
});

test("every answer prolongs the right of its epoch, and no other", () => {
  const rights = managing(0);
  rights.assigned(first, toMillis(100));
  assert.equal(rights.endsMs(first, terms), 10_600);
  rights.answered(first, toMillis(2_000));
  assert.equal(rights.endsMs(first, terms), 12_500);
  rights.assigned(second, toMillis(3_000));
  assert.equal(rights.endsMs(second, terms), 13_500);
});

test("an epoch that is applied once more does not make its right end earlier", () => {
  const rights = managing(0);
  rights.assigned(first, toMillis(0));
  rights.answered(first, toMillis(4_000));
  rights.assigned(first, toMillis(1_000));
  assert.equal(rights.endsMs(first, terms), 14_500);
});

test("a right is released for its own epoch alone", () => {
  const rights = managing(0);
  rights.released(first);
  assert.deepEqual([rights.isReleased(first), rights.isReleased(second)], [true, false]);
});

/** Milliseconds of true time on a clock that runs at this rate. */
const rate = fc.double({ min: 1 - terms.clockRateError, max: 1 + terms.clockRateError, noNaN: true });

test("with any two clocks within the bound a holder stops before its manager counts the right as over", () => {
  const moments = fc.array(fc.record({ sentMs: fc.nat(60_000), tookMs: fc.nat(5_000) }), { maxLength: 5 });
  fc.assert(
    fc.property(moments, fc.nat(60_000), rate, rate, (renewals, sinceMs, ofManager, ofHolder) => {
      const rights = managing(sinceMs * ofManager);
      rights.assigned(first, toMillis(sinceMs * ofManager));
      // Whatever earlier managers have answered was sent before this one began.
      const answered = renewals.map(({ sentMs, tookMs }) => ({ sentMs, answeredMs: sentMs + tookMs }));
      for (const { answeredMs } of answered.toSorted((one, other) => one.answeredMs - other.answeredMs)) {
        if (answeredMs >= sinceMs) rights.answered(first, toMillis(answeredMs * ofManager));
      }
      const sentLast = Math.max(
        0,
        ...answered.map(({ sentMs, answeredMs }) => (answeredMs >= sinceMs ? sentMs : Math.min(sentMs, sinceMs))),
      );
      const stopsMs = sentLast + (terms.ttlMs * (1 - terms.clockRateError)) / ofHolder;
      const countedMs = (rights.endsMs(first, terms) ?? Number.NaN) / ofManager;
      assert(renewals.length === 0 || stopsMs <= countedMs + 1e-6, `${stopsMs} after ${countedMs}`);
    }),
  );
});

const online: Ownership = { currentOwner: toNodeId("n1"), epoch: second, state: "online", reason: "First in the list" };
const view: GrantView = {
  group: toGroupId("rg"),
  node: toNodeId("n1"),
  ownership: online,
  lease: terms,
  isOver: false,
  isStopAwaited: false,
  fence: null,
};

test("the current owner is granted the right of the present epoch", () => {
  const { isGranted, epoch, ttlMs, stopBudgetMs, wanted } = grantFor(view);
  assert.deepEqual([isGranted, epoch, ttlMs, stopBudgetMs, wanted], [true, 2, 10_000, 500, "online"]);
});

test("nobody else is granted anything, and is told to stop", () => {
  const { isGranted, ttlMs, wanted } = grantFor({ ...view, node: toNodeId("n2") });
  assert.deepEqual([isGranted, ttlMs, wanted], [false, 0, "offline"]);
});

test("a right that is over is never granted again", () => {
  assert.deepEqual(
    [grantFor({ ...view, isOver: true }).isGranted, grantFor({ ...view, isOver: true }).ttlMs],
    [false, 0],
  );
});

test("an owner that is to stop keeps its right until it has", () => {
  const releasing = { ...view, ownership: { ...online, state: "releasing" } } as const;
  assert.deepEqual([grantFor(releasing).isGranted, grantFor(releasing).wanted], [true, "offline"]);
  const { isGranted, wanted } = grantFor({ ...releasing, isStopAwaited: true });
  assert.deepEqual([isGranted, wanted], [true, "online"], "others have to stop before");
});

test("a right of a group in error is not renewed", () => {
  const { isGranted, wanted } = grantFor({ ...view, ownership: { ...online, state: "error" } });
  assert.deepEqual([isGranted, wanted], [false, "offline"]);
});

test("a right that is over, or of a group in error, may be given back by who does not know of it", () => {
  const inError = { ...view, ownership: { ...online, state: "error" } } as const;
  const all = [view, { ...view, isOver: true }, inError, { ...view, isOver: true, node: toNodeId("n2") }];
  assert.deepEqual(
    all.map((each) => grantFor(each).isRevoked),
    [false, true, true, false],
  );
});

test("a right without end is granted as one, and no time ends it", () => {
  const lease = { ...terms, isEndless: true };
  const { isEndless, ttlMs } = grantFor({ ...view, lease });
  assert.deepEqual([isEndless, ttlMs], [true, 10_000]);
  assert.equal(grantFor(view).isEndless, false);
  const rights = managing(0);
  rights.answered(second, toMillis(10));
  assert.equal(rights.endsMs(second, lease), null);
});

test("the order of a fence goes to its agent, whoever has the right", () => {
  const fence = { order: "1/4/2/1", node: toNodeId("n1"), epoch: second, command: ["/sbin/off"], timeoutMs: 9_000 };
  assert.deepEqual(grantFor({ ...view, node: toNodeId("n2"), fence }).fence, fence);
});

test("advice has no end", () => {
  assert.deepEqual([grantFor({ ...view, lease: null }).isGranted, grantFor({ ...view, lease: null }).ttlMs], [true, 0]);
});
