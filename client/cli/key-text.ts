// Keys and values as text. They are bytes: what is UTF-8 is shown as it is, the rest in base64, and never a guess.

import type { KeyValue } from "../../proto/model.ts";
import type { AnswerHeader } from "../key-values.ts";
import type { Flags } from "./flags.ts";
import { UsageError } from "./usage-error.ts";

/** A key-value in JSON: one of `key` and `keyBase64`, one of `value` and `valueBase64`. */
export type KeyValueJson = Readonly<Record<string, string | number>>;

export function toKeyValueJson(keyValue: KeyValue, { keysOnly = false } = {}): KeyValueJson {
  const { key, value, createRevision, modRevision, version, lease } = keyValue;
  const shownValue = keysOnly ? {} : bytesJson("value", value);
  return { ...bytesJson("key", key), ...shownValue, createRevision, modRevision, version, lease };
}

/** A key in JSON: one of `key` and `keyBase64`. */
export function keyJson(key: Uint8Array): Readonly<Record<string, string>> {
  return bytesJson("key", key);
}

function bytesJson(name: string, bytes: Uint8Array): Record<string, string> {
  const text = decodeUtf8(bytes);
  return text === null ? { [`${name}Base64`]: toBase64(bytes) } : { [name]: text };
}

/**
 * Bytes on one line: as they are when that is readable text, else quoted as in JSON, or `base64:` and base64 when they are
 * no UTF-8. What would read as one of these forms is quoted.
 */
export function toLine(bytes: Uint8Array): string {
  const text = decodeUtf8(bytes);
  if (text === null) return `base64:${toBase64(bytes)}`;
  const isPlain = text.length > 0 && !/[\p{Cc}\u2028\u2029]|^\s|\s$|^"|^base64:/u.test(text);
  return isPlain ? text : JSON.stringify(text).replace(/[\u007f-\u009f\u2028\u2029]/g, escaped);
}

/** The key of an argument. @throws {UsageError} when it is to be base64 and is not, or was no UTF-8 */
export function readKey(text: string, flags: Flags): Uint8Array {
  if (!flags.isSet("keyBase64")) return readArgument(text, "The key is not UTF-8: use --key-base64");
  const bytes = Buffer.from(text, "base64");
  if (toBase64(bytes) === text) return bytes;
  throw new UsageError(`The key ${JSON.stringify(text)} is not base64`);
}

/**
 * The bytes of an argument, of which the process is given text: what was no UTF-8 has the character U+FFFD in its place.
 *
 * @throws {UsageError} saying `refusal` when there is one: nobody can tell which bytes were meant
 */
export function readArgument(text: string, refusal: string): Uint8Array {
  if (text.includes("\ufffd")) throw new UsageError(refusal);
  return new TextEncoder().encode(text);
}

/** The flag that {@link readKey} looks at. */
export const keyBase64Flag = ["--key-base64", "KEY is base64, for keys that are no UTF-8"] as const;

/** @returns null when the bytes are no UTF-8 */
export function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** For an answer that nobody asked to be stale. */
export function staleNote({ group, revision }: AnswerHeader): string {
  return `${group} has no quorum: this is revision ${revision}, and may be stale`;
}
