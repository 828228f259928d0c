// Where in its data directory a node keeps what.
//
//   DATA/rows/            the level database; its lock is the lock of the whole directory
//   DATA/hard-state.a .b  term and vote (storage/hard-state-file.ts)

import { join } from "node:path";

export function rowsDirectory(dataDirectory: string): string {
  return join(dataDirectory, "rows");
}
