import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toLogIndex } from "../../../proto/ids.ts";
import { LogTrim } from "../../../server/node/log-trim.ts";

test("between half of the limits and all of them is kept, and never less", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(30), { maxLength: 200 }), (sizes) => {
      const kept = { bytes: 100, entries: 20 };
      const trim = new LogTrim(kept);
      let from = 0;
      for (const [at, size] of sizes.entries()) {
        const upTo = trim.applied(toLogIndex(at + 1), size, () => null);
        if (upTo !== null) {
          assert.ok(upTo > from && upTo <= at + 1);
          from = upTo;
          const rest = sizes.slice(from, at + 1);
          const bytes = rest.reduce((sum, next) => sum + next, 0);
          assert.ok(bytes >= kept.bytes / 2 || rest.length >= kept.entries / 2, "too much is trimmed");
        }
        assert.ok(at + 1 - from <= kept.entries, "too many entries are kept");
        assert.ok(sizes.slice(from, at + 1).reduce((sum, next) => sum + next, 0) <= kept.bytes + 60);
      }
    }),
  );
});

test("what somebody needs is kept up to four times the limits, and no longer", () => {
  const kept = { bytes: 1e9, entries: 20 };
  const trimmed = (needed: number | null, applied: number) => {
    const trim = new LogTrim(kept);
    let upTo = 0;
    for (let at = 1; at <= applied; at++) {
      upTo = trim.applied(toLogIndex(at), 1, () => (needed === null ? null : toLogIndex(needed))) ?? upTo;
    }
    return upTo;
  };
  assert.equal(trimmed(null, 80), 70);
  assert.equal(trimmed(75, 80), 70);
  assert.equal(trimmed(33, 80), 33);
  assert.equal(trimmed(0, 80), 0);
  assert.equal(trimmed(0, 200), 120);
});
