// The audit hash notices any difference of content or order.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Audit } from "../../../server/simulation/audit.ts";

function digestOf(...values: readonly unknown[]): string {
  const audit = new Audit();
  for (const value of values) audit.fold(value);
  return audit.digest();
}

test("equal values give equal digests", () => {
  const value = () => ({ type: "send", bytes: Uint8Array.of(1, 2, 3), list: [1, null, true, 1.25], text: "a" });
  assert.equal(digestOf(value(), value()), digestOf(value(), value()));
});

test("any difference gives another digest", () => {
  const digests = [
    digestOf(),
    digestOf(1, 2),
    digestOf(2, 1),
    digestOf([1, 2]),
    digestOf([1], [2]),
    digestOf("12"),
    digestOf(Uint8Array.of(1, 2)),
    digestOf(Uint8Array.of(1, 2, 0)),
    digestOf(null),
    digestOf(true),
    digestOf(false),
    digestOf({ a: 1 }),
    digestOf({ b: 1 }),
    digestOf(0.000001),
    digestOf(2 ** 40),
    digestOf(2 ** 41),
  ];
  assert.equal(new Set(digests).size, digests.length);
});
