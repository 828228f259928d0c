// Checks of single values in requests: the answer names the field, the value and the limit.

import { type Failure, failure } from "../../proto/errors.ts";
import type { KeySpan } from "../../proto/model.ts";
import { compareBytes } from "../../storage/bytes.ts";
import { limits } from "./limits.ts";

export function checkKey(field: string, key: Uint8Array): Failure | null {
  if (key.byteLength === 0) return wrong(field, "The key is empty");
  return checkSize(field, key, limits.keyBytesMax);
}

export function checkSize(field: string, bytes: Uint8Array, max: number): Failure | null {
  if (bytes.byteLength <= max) return null;
  return wrong(field, `The ${field} has ${bytes.byteLength} bytes, limit ${max}`);
}

/** @param prefix before the names of its fields */
export function checkSpan(span: KeySpan, prefix = ""): Failure | null {
  const tooLong = checkSize(`${prefix}start`, span.start, limits.keyBytesMax);
  if (tooLong !== null || span.end === null) return tooLong;
  if (compareBytes(span.start, span.end) >= 0) return wrong(`${prefix}end`, "The span ends before it starts");
  return checkSize(`${prefix}end`, span.end, limits.keyBytesMax + 1);
}

export function checkLimit(value: number, max: number, field = "limit"): Failure | null {
  if (Number.isInteger(value) && value >= 1 && value <= max) return null;
  return wrong(field, `The limit is ${value}, it must be from 1 to ${max}`);
}

/** A text of people for people, which is printed and logged as it is. */
export function checkText(field: string, text: string, charsMax: number): Failure | null {
  if (text.length > charsMax)
    return wrong(field, `The ${field} has ${text.length} characters, the limit is ${charsMax}`);
  const [control] = /\p{Cc}/u.exec(text) ?? [];
  if (control === undefined) return null;
  const code = control.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
  return wrong(field, `The ${field} has the control character U+${code}, it must be one line of text`);
}

export function wrong(field: string, message: string): Failure {
  return failure("invalid_argument", message, { field });
}
