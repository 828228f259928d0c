// Requests as bytes. One that cannot be encoded is refused before anything of it is sent, so that it harms no other call.

import { DbError, failure } from "../proto/errors.ts";

/** @throws {DbError} `invalid_argument` when `encode` fails */
export function encoded<Bytes>(encode: () => Bytes): Bytes {
  try {
    return encode();
  } catch (reason) {
    const why = reason instanceof Error ? reason.message : String(reason);
    throw new DbError(failure("invalid_argument", `The request cannot be sent: ${why}`), reason);
  }
}
