// Who looks for a mutant: the simulated cluster, also with clients that do more with the data (`data`) or with agents (`recovery`),
// trials at the edge of rights (`edge`) or of nodes that start anew (`restart`), or the core's random network, which is quicker and
// changes members more.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export type HunterName = "cluster" | "data" | "recovery" | "edge" | "restart" | "core";

/** What one seed said. */
export interface Sighting {
  readonly seed: number;
  /** null: all was well. */
  readonly checker: string | null;
}

export interface Hunt {
  readonly hunter: HunterName;
  readonly firstSeed: number;
  readonly seeds: number;
}

/** A run that never ends is a find as well. */
const silenceMsMax = 120_000;

/**
 * @param directory a tree of the product
 * @returns the first seed that failed, or null
 */
export async function hunt(
  directory: string,
  { hunter, firstSeed, seeds }: Hunt,
  passed: (seed: number) => void,
): Promise<Sighting | null> {
  const script = ["test/mutants/hunt.ts", hunter, `${firstSeed}`, `${seeds}`];
  const child = spawn(process.execPath, script, { cwd: directory, stdio: ["ignore", "pipe", "pipe"] });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
  let found: Sighting | null = null;
  let seed = firstSeed;
  const isSilent = () => {
    found = { seed, checker: `no end within ${silenceMsMax / 1_000} seconds` };
    child.kill("SIGKILL");
  };
  let timer = setTimeout(isSilent, silenceMsMax);
  for await (const line of createInterface({ input: child.stdout })) {
    clearTimeout(timer);
    timer = setTimeout(isSilent, silenceMsMax);
    const sighting = JSON.parse(line) as Sighting;
    if (sighting.checker !== null) found = sighting;
    else passed(sighting.seed);
    seed = sighting.seed + 1;
  }
  clearTimeout(timer);
  const code = await closed;
  if (code !== 0 && found === null) throw new Error(`The hunter broke at seed ${seed}: ${errors}`);
  return found;
}
