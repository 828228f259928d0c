// Page tokens: opaque to clients, made and read here alone. They hold no secret and are checked like any other input.

import { limits } from "../node/limits.ts";
import { invalid } from "./convert/fields.ts";

type Part = string | number;

/** @param kind what is paged, so that a token of another call is refused */
export function encodePageToken(kind: string, parts: readonly Part[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify([kind, ...parts]));
}

/**
 * @param shape the type of each part, as `typeof` names it
 * @throws {DbError} `invalid_argument` unless `token` was made for this kind with parts of this shape
 */
export function decodePageToken(kind: string, token: Uint8Array, shape: readonly ("string" | "number")[]): Part[] {
  const parts = parse(token);
  if (!Array.isArray(parts) || parts.length !== shape.length + 1 || parts[0] !== kind) throw refused(token);
  const rest: unknown[] = parts.slice(1);
  if (!rest.every((part, position) => isPart(part) && typeof part === shape[position])) throw refused(token);
  return rest as Part[];
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

function isPart(value: unknown): value is Part {
  return typeof value === "string" || (typeof value === "number" && Number.isSafeInteger(value) && value >= 0);
}

function refused(token: Uint8Array): Error {
  return invalid("page_token", `The page_token of ${token.byteLength} bytes is not one that this call gives out`);
}
