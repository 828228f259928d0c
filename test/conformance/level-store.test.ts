// The ordered store's contract on LevelDB.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LevelStore } from "../../storage/level-store.ts";
import { orderedStoreSuite } from "./ordered-store.ts";

orderedStoreSuite("LevelStore", async () => {
  const directory = await mkdtemp(join(tmpdir(), "bailiwick-level-"));
  return {
    open: () => LevelStore.open(directory),
    cleanUp: () => rm(directory, { recursive: true, force: true }),
  };
});
