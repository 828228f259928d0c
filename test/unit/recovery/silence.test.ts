import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { InvariantError } from "../../../proto/assert.ts";
import { type NodeId, toNodeId } from "../../../proto/ids.ts";
import { SilenceDetector } from "../../../server/recovery/silence.ts";
import { ms, nodesOf } from "./fixtures.ts";

const options = { suspectMs: 300, downMs: 1000 };
const a = toNodeId("a");
const b = toNodeId("b");

test("verdict() goes from heard to suspect to silent exactly at the limits", () => {
  const detector = new SilenceDetector(options);
  detector.watchFrom(a, ms(0));
  detector.heard(a, ms(50));
  const words = [50, 349, 350, 1049, 1050, 9999].map((atMs) => detector.verdict(a, ms(atMs)));
  assert.deepEqual(words, ["heard", "heard", "suspect", "suspect", "silent", "silent"]);
});

test("verdict() is unknown before the first word, and silence counts from the beginning of the watch", () => {
  const detector = new SilenceDetector(options);
  detector.watchFrom(a, ms(5000));
  const words = [5000, 5299, 5300, 6000].map((atMs) => detector.verdict(a, ms(atMs)));
  assert.deepEqual(words, ["unknown", "unknown", "suspect", "silent"]);
});

test("heard() brings a silent node back at once", () => {
  const detector = new SilenceDetector(options);
  detector.watchFrom(a, ms(0));
  assert.deepEqual(detector.silent(ms(2000)), [a]);
  detector.heard(a, ms(2001));
  assert.equal(detector.verdict(a, ms(2001)), "heard");
  assert.deepEqual(detector.silent(ms(2001)), []);
});

test("heard() of a node that is not watched is no evidence later", () => {
  const detector = new SilenceDetector(options);
  detector.heard(a, ms(0));
  assert.equal(detector.verdict(a, ms(0)), "unknown");
  detector.watchFrom(a, ms(9000));
  assert.equal(detector.verdict(a, ms(9000)), "unknown");
});

test("watchFrom() of a watched node changes nothing; forget() ends the watch", () => {
  const detector = new SilenceDetector(options);
  detector.watchFrom(a, ms(0));
  detector.watchFrom(a, ms(900));
  assert.equal(detector.verdict(a, ms(1000)), "silent");
  detector.forget(a);
  assert.equal(detector.verdict(a, ms(1000)), "unknown");
  assert.equal(detector.deadlineMs(), null);
  detector.watchFrom(a, ms(1000));
  assert.equal(detector.verdict(a, ms(1000)), "unknown");
});

test("silent() lists nodes by name", () => {
  const detector = new SilenceDetector(options);
  for (const node of nodesOf("c a b")) detector.watchFrom(node, ms(0));
  assert.deepEqual(detector.silent(ms(1000)), nodesOf("a b c"));
});

test("deadlineMs() is the next change of a verdict, and null when there can be none", () => {
  const detector = new SilenceDetector(options);
  assert.equal(detector.deadlineMs(), null);
  detector.watchFrom(a, ms(0));
  detector.watchFrom(b, ms(100));
  assert.equal(detector.deadlineMs(), 300);
  detector.heard(a, ms(200));
  assert.equal(detector.deadlineMs(), 400);
  assert.equal(detector.verdict(b, ms(400)), "suspect");
  assert.equal(detector.deadlineMs(), 500);
  detector.verdict(a, ms(500));
  assert.equal(detector.deadlineMs(), 1100);
  detector.silent(ms(1100));
  assert.equal(detector.deadlineMs(), 1200);
  detector.silent(ms(1200));
  assert.equal(detector.deadlineMs(), null);
});

test("the detector refuses a clock that goes back and limits in the wrong order", () => {
  const detector = new SilenceDetector(options);
  detector.watchFrom(a, ms(10));
  assert.throws(() => detector.heard(a, ms(9)), InvariantError);
  assert.throws(() => new SilenceDetector({ suspectMs: 5, downMs: 5 }), InvariantError);
});

type Step = { readonly type: "heard" | "watch" | "forget"; readonly node: NodeId; readonly waitMs: number };

/** The rule in its plainest form. */
class Model {
  readonly #since = new Map<NodeId, { sinceMs: number; isHeard: boolean }>();

  take(step: Step, nowMs: number): void {
    if (step.type === "forget") this.#since.delete(step.node);
    else if (step.type === "heard" && this.#since.has(step.node)) {
      this.#since.set(step.node, { sinceMs: nowMs, isHeard: true });
    } else if (step.type === "watch" && !this.#since.has(step.node)) {
      this.#since.set(step.node, { sinceMs: nowMs, isHeard: false });
    }
  }

  verdict(node: NodeId, nowMs: number): string {
    const watched = this.#since.get(node);
    if (watched === undefined) return "unknown";
    const silenceMs = nowMs - watched.sinceMs;
    if (silenceMs >= options.downMs) return "silent";
    if (silenceMs >= options.suspectMs) return "suspect";
    return watched.isHeard ? "heard" : "unknown";
  }
}

test("the detector agrees with a plain model, and no verdict changes before its deadline", () => {
  const nodes = nodesOf("a b c");
  const step = fc.record<Step>({
    type: fc.constantFrom("heard", "heard", "watch", "forget"),
    node: fc.constantFrom(...nodes),
    waitMs: fc.integer({ min: 0, max: 700 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const detector = new SilenceDetector(options);
      const model = new Model();
      let nowMs = 0;
      for (const each of steps) {
        const deadlineMs = detector.deadlineMs() ?? Number.POSITIVE_INFINITY;
        assert.ok(deadlineMs > nowMs);
        for (const node of nodes) {
          const justBefore = Math.min(nowMs + each.waitMs, deadlineMs - 1);
          assert.equal(model.verdict(node, justBefore), model.verdict(node, nowMs), "changed before the deadline");
        }
        nowMs += each.waitMs;
        model.take(each, nowMs);
        if (each.type === "heard") detector.heard(each.node, ms(nowMs));
        else if (each.type === "watch") detector.watchFrom(each.node, ms(nowMs));
        else detector.forget(each.node);
        for (const node of nodes) assert.equal(detector.verdict(node, ms(nowMs)), model.verdict(node, nowMs));
      }
    }),
    { numRuns: 200 },
  );
});
