// Keys and values as text: readable where they are, never ambiguous, never lossy.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toKeyValueJson, toLine } from "../../../client/cli/key-text.ts";
import { toRevision } from "../../../proto/ids.ts";

test("toLine() leaves readable text as it is", () => {
  for (const text of ["a", "app/port", "with blank", "grüße", "日本", "a:b", "base64", "-"]) {
    assert.equal(toLine(Buffer.from(text)), text);
  }
});

test("toLine() quotes what would not be one line, or would read as another form", () => {
  const quoted = {
    "": '""',
    "a\nb": '"a\\nb"',
    " a": '" a"',
    '"a"': '"\\"a\\""',
    "base64:aa": '"base64:aa"',
    "\u0085": '"\\u0085"',
  };
  for (const [text, expected] of Object.entries(quoted)) assert.equal(toLine(Buffer.from(text)), expected);
  assert.equal(toLine(Uint8Array.of(0xff)), "base64:/w==");
});

test("toLine() is one line and can be read back, whatever the bytes", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc.string({ unit: "grapheme" }).map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(bytes, (original) => {
      const line = toLine(original);
      assert.doesNotMatch(line, /[\p{Cc}\u2028\u2029]/u);
      const back = line.startsWith('"')
        ? Buffer.from(JSON.parse(line) as string)
        : line.startsWith("base64:")
          ? Buffer.from(line.slice("base64:".length), "base64")
          : Buffer.from(line);
      assert.deepEqual(Uint8Array.from(back), Uint8Array.from(original));
    }),
  );
});

test("toKeyValueJson() has one of key and keyBase64, one of value and valueBase64", () => {
  const rest = { createRevision: toRevision(2), modRevision: toRevision(3), version: 1, lease: 0 };
  const json = toKeyValueJson({ key: Uint8Array.of(0xff), value: Uint8Array.of(0xfe), ...rest });
  assert.deepEqual(json, { keyBase64: "/w==", valueBase64: "/g==", ...rest });
  const bom = toKeyValueJson({ key: Buffer.from("\ufeffa"), value: Buffer.from(""), ...rest });
  assert.deepEqual(bom, { key: "\ufeffa", value: "", ...rest });
});
