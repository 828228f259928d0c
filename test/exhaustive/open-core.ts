// Loads the real core with its private fields open: `#name` is read as `$name`, nothing else changes. Only so can a member
// be copied and compared by everything that decides what it will do; what `status()` shows would merge states that differ.

import { registerHooks } from "node:module";

const opened = /\/(?:server\/raft|test\/unit\/raft)\/[^/]+\.ts$/;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!opened.test(url)) return loaded;
    return { ...loaded, source: String(loaded.source).replaceAll(/(?<=[\s.])#(?=[a-z])/gi, "$$") };
  },
});

/** The member with its disk, as the random network uses it. Nothing that loads the core may be imported before this. */
export const { DiskMember } = await import("../unit/raft/disk-member.ts");
