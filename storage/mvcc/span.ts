// Whether a key lies in a span of keys.

import { compareBytes } from "../bytes.ts";
import type { KeySpan } from "./types.ts";

export function isInSpan(key: Uint8Array, { start, end }: KeySpan): boolean {
  return compareBytes(key, start) >= 0 && (end === null || compareBytes(key, end) < 0);
}
