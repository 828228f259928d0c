import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toLogIndex } from "../../../proto/ids.ts";
import { HashTrail } from "../../../server/node/hash-trail.ts";
import { limits } from "../../../server/node/limits.ts";
import { hash64 } from "../../../storage/hash.ts";

const max = limits.hashTrailMax;
const hashAt = (index: number) => hash64(Uint8Array.of(index & 255, index >> 8));

test("HashTrail knows the hash at each of the last indexes, and at none before it began or after its end", () => {
  fc.assert(
    fc.property(fc.nat(1_000), fc.nat(3 * max), (first, count) => {
      const trail = new HashTrail(toLogIndex(first), hashAt(first));
      const last = first + count;
      for (let index = first + 1; index <= last; index++) trail.add(toLogIndex(index), hashAt(index));
      for (let index = Math.max(0, first - 2); index <= last + 2; index++) {
        const isKnown = index >= first && index <= last && index > last - max;
        assert.deepEqual(trail.at(toLogIndex(index)), isKnown ? hashAt(index) : null, `${index}`);
      }
    }),
    { numRuns: 50 },
  );
});

test("HashTrail takes no index but the next", () => {
  const trail = new HashTrail(toLogIndex(7), hashAt(7));
  for (const index of [6, 7, 9]) assert.throws(() => trail.add(toLogIndex(index), hashAt(index)), /State hash at/);
});
