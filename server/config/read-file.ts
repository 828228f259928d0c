// Reads a configuration file, or says in one sentence why not.

import { readFile, stat } from "node:fs/promises";
import { DbError, failure } from "../../proto/errors.ts";

/** More than any cluster's file; keeps a wrong path (a disk, a database) out of memory. */
const fileBytesLimit = { bytes: 64 * 2 ** 20 } as const;

/** @throws {DbError} `not_found`, `invalid_argument` when it is no file, is too long or no UTF-8 */
export async function readTextFile(file: string): Promise<string> {
  const status = await stat(file).catch((cause: NodeJS.ErrnoException) => {
    throw new DbError(failure("not_found", `Cannot read ${file}: ${cause.message}`), cause);
  });
  if (!status.isFile()) throw refused(`${file} is not a file`);
  if (status.size > fileBytesLimit.bytes)
    throw refused(`${file} has ${status.size} bytes, limit ${fileBytesLimit.bytes}`);
  const bytes = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
    throw new DbError(failure("condition_failed", `Cannot read ${file}: ${cause.message}`), cause);
  });
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw refused(`${file} is not UTF-8 text`);
  }
}

function refused(message: string): DbError {
  return new DbError(failure("invalid_argument", message));
}
