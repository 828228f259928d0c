// What one process of the ceiling does: it is a follower, or a leader.

import { runFollower } from "./follower.ts";
import { runLeader, type Spread } from "./leader.ts";

/** @param args directory, and for a leader how it spreads and the addresses of its followers */
export async function runCeilingProcess([directory = "", spread, ...followers]: readonly string[]): Promise<void> {
  process.once("disconnect", () => process.exit());
  // Ended by the signal itself it would leave no profile.
  process.once("SIGTERM", () => process.exit());
  // Ctrl-C reaches the whole group; the parent decides.
  process.on("SIGINT", () => {});
  if (spread === undefined) await runFollower(directory);
  else await runLeader({ directory, spread: spread as Spread, followers });
}
