// Pieces of the translation that have edges: ends of prefixes, fragments of events, page tokens, descriptors.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toRevision } from "../../../proto/ids.ts";
import type { KeyEvent } from "../../../proto/requests.ts";
import { checkText, readGroup } from "../../../server/api/convert/fields.ts";
import { nextStart, readSpan } from "../../../server/api/convert/key-values.ts";
import { decodePageToken, encodePageToken, pageByName } from "../../../server/api/page-token.ts";
import { toFragments } from "../../../server/api/watch/fragments.ts";
import { bytesOf, compareBytes, textOf } from "../../../storage/bytes.ts";

const fewBytes = fc.uint8Array({ maxLength: 4, min: 0xfd, max: 0xff });

test("readSpan() of a prefix ends above exactly the keys that start with it or come before it", () => {
  fc.assert(
    fc.property(fewBytes, fewBytes, (prefix, key) => {
      const { end } = readSpan({ case: "prefix", value: prefix });
      const startsWith = compareBytes(key.subarray(0, prefix.length), prefix) === 0;
      const isBelow = end === null || compareBytes(key, end) < 0;
      assert.equal(isBelow, startsWith || compareBytes(key, prefix) < 0);
    }),
  );
});

test("readGroup() says the whole rule that a name breaks", () => {
  const message =
    'The group "a-" is not a group name: 1 to 63 of a-z 0-9 -, beginning with a letter, not ending with -';
  assert.throws(() => readGroup("a-"), { code: "invalid_argument", message });
});

test("checkText() refuses control characters and what is too long, and names the field", () => {
  checkText("who", "Mona Müller, 夜勤 💾", 100);
  for (const [text, said] of [
    ["a\tb", "The who has the control character U+0009, it must be one line of text"],
    ["\u001b[2J", "The who has the control character U+001B, it must be one line of text"],
    ["x".repeat(101), "The who has 101 characters, the limit is 100"],
  ] as const) {
    const refusal = { code: "invalid_argument", message: said, details: { field: "who" } };
    assert.throws(() => checkText("who", text, 100), refusal);
  }
});

test("nextStart() skips no key that may exist, and never exceeds the length of a key", () => {
  const longest = new Uint8Array(4096).fill(7);
  assert.deepEqual(nextStart(Uint8Array.of(1, 2)), Uint8Array.of(1, 2, 0));
  const after = nextStart(longest);
  assert.equal(after?.length, 4096);
  assert.equal(after?.at(-1), 8);
  assert.equal(nextStart(new Uint8Array(4096).fill(255)), null);
});

function event(revision: number, size: number): KeyEvent {
  const key = Uint8Array.of(revision);
  const at = toRevision(revision);
  const kv = { key, value: new Uint8Array(size), createRevision: at, modRevision: at, version: 1, lease: 0 };
  return { key, kv, previous: null, revision: at, endedLease: 0 };
}

test("toFragments() keeps order, parts a revision only where it must, and stays below its bound", () => {
  const bytesMax = 1_000;
  const size = fc.integer({ min: 0, max: 700 });
  const step = fc.integer({ min: 0, max: 1 });
  fc.assert(
    fc.property(fc.array(fc.tuple(step, size), { minLength: 1, maxLength: 30 }), (steps) => {
      let revision = 1;
      const events = steps.map(([grows, bytes]) => {
        revision += grows;
        return event(revision, bytes);
      });
      const fragments = toFragments(events, bytesMax);
      assert.deepEqual(
        fragments.flatMap((fragment) => fragment.events),
        events,
      );
      for (const [position, fragment] of fragments.entries()) {
        const next = fragments[position + 1]?.events[0];
        const bytes = fragment.events.reduce((sum, { kv }) => sum + (kv?.value.byteLength ?? 0), 0);
        assert.ok(bytes <= bytesMax);
        assert.equal(fragment.isFragment, next !== undefined && next.revision === fragment.events.at(-1)?.revision);
        if (fragment.isFragment) assert.ok(sizeOfRevision(events, next?.revision ?? 0) > bytesMax);
      }
    }),
  );
});

function sizeOfRevision(events: readonly KeyEvent[], revision: number): number {
  return events
    .filter((one) => one.revision === revision)
    .reduce((sum, { kv, key }) => sum + 48 + key.byteLength + (kv?.value.byteLength ?? 0), 0);
}

test("decodePageToken() gives back what was encoded, and refuses anything else without another error", () => {
  const token = encodePageToken("groups", ["rg220", 7]);
  assert.deepEqual(decodePageToken("groups", token, ["string", "number"]), ["rg220", 7]);
  const refusal = { name: "DbError", code: "invalid_argument" };
  assert.throws(() => decodePageToken("nodes", token, ["string", "number"]), refusal);
  assert.throws(() => decodePageToken("groups", token, ["number", "string"]), refusal);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => new TextEncoder().encode(text)),
      ),
      (bytes) => {
        assert.throws(() => decodePageToken("groups", bytes, ["string", "number"]), refusal);
      },
    ),
  );
});

test("decodePageToken() gives back any key, the longest of control bytes too, in a token that this node takes", () => {
  const longest = [0, 1, 0x22, 0x7f, 0x80, 0xff].map((byte) => new Uint8Array(4096).fill(byte));
  const keys = fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 4096, size: "max" }), fc.constantFrom(...longest));
  const most = Number.MAX_SAFE_INTEGER;
  const shape = ["number", "number", "number", "number", "string"] as const;
  fc.assert(
    fc.property(keys, (key) => {
      const token = encodePageToken("list", [most, most, most, most, textOf(key)]);
      assert.deepEqual(bytesOf(String(decodePageToken("list", token, shape).at(-1))), Buffer.from(key));
    }),
  );
});

test("decodePageToken() refuses tokens of earlier builds, and text that is not as it was written", () => {
  const refusal = { name: "DbError", code: "invalid_argument", details: { field: "page_token" } };
  for (const text of ['["groups","rg22"]', '[2,"groups","rg220"]', '[2,"groups","rg2="]', '[2,"groups","r g2"]']) {
    assert.throws(() => decodePageToken("groups", bytesOf(text), ["string"]), refusal, text);
  }
  assert.deepEqual(decodePageToken("groups", bytesOf('[2,"groups","cmcy"]'), ["string"]), ["rg2"]);
});

test("pageByName() delivers every row once", () => {
  const names = ["a", "b", "c", "d", "e"];
  for (let limit = 1; limit <= 6; limit++) {
    const seen: string[] = [];
    let token: Uint8Array = new Uint8Array(0);
    do {
      const { page, nextPageToken } = pageByName(names, (name) => name, { kind: "k", token, limit });
      seen.push(...page);
      token = nextPageToken;
    } while (token.byteLength > 0);
    assert.deepEqual(seen, names);
  }
});
