// Where in its data directory a node keeps what.
//
//   DATA/rows/            the level database; its lock is the lock of the whole directory
//   DATA/hard-state.a .b  term and vote (storage/hard-state-file.ts)
//   DATA/damaged-TIME/    all of that as it was when it was last found damaged, and the reason (damaged-data.ts)

import { join } from "node:path";

export function rowsDirectory(dataDirectory: string): string {
  return join(dataDirectory, "rows");
}
