// Page tokens: opaque to clients, made and read here alone. They hold no secret and are checked like any other input.

import { textOf } from "../../storage/bytes.ts";
import { limits } from "../node/limits.ts";
import { invalid } from "./convert/fields.ts";

/** Text of characters below 256: a name, or the bytes of a key. */
type Part = string | number;

/** Grows when the layout changes, so that a token of another build is refused and not misread. */
const format = 2;

/** @param kind what is paged, so that a token of another call is refused */
export function encodePageToken(kind: string, parts: readonly Part[]): Uint8Array {
  // In base64 the longest key fits whatever its bytes; escaped as JSON does it, it might not.
  const encoded = parts.map((part) => (typeof part === "string" ? toBase64(part) : part));
  return new TextEncoder().encode(JSON.stringify([format, kind, ...encoded]));
}

/**
 * @param shape the type of each part, as `typeof` names it
 * @throws {DbError} `invalid_argument` unless `token` was made for this kind with parts of this shape
 */
export function decodePageToken(kind: string, token: Uint8Array, shape: readonly ("string" | "number")[]): Part[] {
  const read = parse(token);
  if (!Array.isArray(read) || read[0] !== format || read[1] !== kind) throw refused(token);
  const parts: readonly (Part | null)[] = read.slice(2).map(partOf);
  const isAsked = (part: Part | null, position: number): part is Part => typeof part === shape[position];
  if (parts.length !== shape.length || !parts.every(isAsked)) throw refused(token);
  return [...parts];
}

/** A page of rows that are sorted by a name of their own; the token is the last name. */
export function pageByName<Row>(
  rows: readonly Row[],
  nameOf: (row: Row) => string,
  { kind, token, limit }: { readonly kind: string; readonly token: Uint8Array; readonly limit: number },
): { readonly page: readonly Row[]; readonly nextPageToken: Uint8Array } {
  const after = token.byteLength === 0 ? "" : String(decodePageToken(kind, token, ["string"])[0]);
  const rest = rows.filter((row) => nameOf(row) > after);
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  const isLastPage = rest.length === page.length || last === undefined;
  return { page, nextPageToken: isLastPage ? new Uint8Array(0) : encodePageToken(kind, [nameOf(last)]) };
}

function parse(token: Uint8Array): unknown {
  if (token.byteLength > limits.pageTokenBytesMax) throw refused(token);
  try {
    return JSON.parse(new TextDecoder().decode(token));
  } catch {
    throw refused(token);
  }
}

/** @returns null for what {@link encodePageToken} does not write */
function partOf(value: unknown): Part | null {
  if (typeof value === "number") return Number.isSafeInteger(value) && value >= 0 ? value : null;
  if (typeof value !== "string") return null;
  const text = textOf(Buffer.from(value, "base64"));
  return toBase64(text) === value ? text : null;
}

function toBase64(text: string): string {
  return Buffer.from(text, "latin1").toString("base64");
}

function refused(token: Uint8Array): Error {
  return invalid("page_token", `The page_token of ${token.byteLength} bytes is not one that this call gives out`);
}
