// Which keys lie in a span of keys.

import { compareBytes, keyAfter } from "../bytes.ts";
import type { KeySpan } from "./types.ts";

export function isInSpan(key: Uint8Array, { start, end }: KeySpan): boolean {
  return compareBytes(key, start) >= 0 && (end === null || compareBytes(key, end) < 0);
}

/** The span of this key alone. */
export function spanOfKey(key: Uint8Array): KeySpan {
  return { start: key, end: keyAfter(key) };
}

/** Whether a key may lie in both. */
export function doOverlap(left: KeySpan, right: KeySpan): boolean {
  return beginsBeforeEnd(left, right) && beginsBeforeEnd(right, left);
}

function beginsBeforeEnd(left: KeySpan, right: KeySpan): boolean {
  return right.end === null || compareBytes(left.start, right.end) < 0;
}
