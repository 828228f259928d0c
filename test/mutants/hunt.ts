// Runs seeds until one fails; a child of run.ts, started inside the broken copy.
//   node test/mutants/hunt.ts cluster|data|recovery|edge|restart|core SEED COUNT
// One line of JSON a seed: its number, and which checker spoke, or null.

import { InvariantError } from "../../proto/assert.ts";
import { runSeed } from "../../server/simulation/run.ts";
import { toViolation } from "../../server/simulation/violation.ts";
import { Edge } from "../sim/edge.ts";
import { type Area, drawOptions } from "../sim/options.ts";
import { RestartEdge } from "../sim/restart-edge.ts";
import { runWorld } from "../unit/raft/random-run.ts";
import type { HunterName, Sighting } from "./hunters.ts";

const [name, seed, count] = process.argv.slice(2);
const hunters: Readonly<Record<HunterName, (seed: number) => string | null>> = {
  cluster: (at) => huntCluster(at, "consensus"),
  data: (at) => huntCluster(at, "data"),
  recovery: (at) => huntCluster(at, "recovery"),
  edge: (at) => huntTrial(() => new Edge(at).play()),
  restart: (at) => huntTrial(() => new RestartEdge(at).play()),
  core: huntCore,
};

hunt(hunters[name as HunterName], Number(seed), Number(count));

function hunt(look: (seed: number) => string | null, first: number, seeds: number): void {
  for (let at = first; at < first + seeds; at++) {
    const sighting: Sighting = { seed: at, checker: look(at) };
    process.stdout.write(`${JSON.stringify(sighting)}\n`);
    if (sighting.checker !== null) return;
  }
}

function huntTrial(play: () => unknown): string | null {
  try {
    play();
    return null;
  } catch (error) {
    const { kind, checker, message } = toViolation(error);
    return kind === "crash" ? `a trial's own assertion: ${message}` : `${kind}, \`${checker}\`: ${message}`;
  }
}

/** A run that proved nothing has found nothing. */
function huntCluster(at: number, area: Area): string | null {
  const { violation } = runSeed(drawOptions(at, area));
  if (violation === null || violation.kind === "invalid") return null;
  const { kind, checker, message } = violation;
  return kind === "crash" ? `a node's own assertion: ${message}` : `${kind}, \`${checker}\`: ${message}`;
}

function huntCore(at: number): string | null {
  try {
    runWorld(at);
    return null;
  } catch (error) {
    const { message } = error as Error;
    return error instanceof InvariantError ? `the core's own assertion: ${message}` : message;
  }
}
