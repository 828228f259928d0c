// Which commit a run is of: a seed names its run only together with it.

import { execFileSync } from "node:child_process";

/** Ends in `-dirty` when files differ from it; `unknown` outside of a repository. */
export function describeCommit(): string {
  try {
    const stdio: ["ignore", "pipe", "ignore"] = ["ignore", "pipe", "ignore"];
    const args = ["describe", "--always", "--dirty", "--abbrev=12"];
    return execFileSync("git", args, { encoding: "utf8", cwd: import.meta.dirname, stdio }).trim();
  } catch {
    return "unknown";
  }
}
