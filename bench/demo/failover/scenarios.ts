// What happens to the owner, one blow after the other, and what the client sees of each.

import { setTimeout as sleep } from "node:timers/promises";
import type { DemoCluster } from "./cluster.ts";
import { answeringSpans, type Gap, longestGap, longestOverlap, type Sample, type Span, type Window } from "./gaps.ts";
import type { ObserverLink } from "./observer-link.ts";
import type { GroupView } from "./observer-messages.ts";
import { type Allowance, allowanceOf, type Blow } from "./terms.ts";
import { type NodeName, nodes, type World } from "./world.ts";

const lookIntervalMs = 200;
const settlePatienceMs = 60_000;
const takeOverPatienceMs = 30_000;
/** Seen before the blow, and after the first answer of the new owner. */
const beforeMs = 2_000;
const afterMs = 2_000;
/** Without an answer for so long, nobody answers. */
const answerPatienceMs = 300;

export interface Stage {
  readonly world: World;
  readonly cluster: DemoCluster;
  readonly observer: ObserverLink;
  /** Aborted by Ctrl-C, and when the demo takes too long. */
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

export interface Outcome {
  readonly blow: Blow;
  readonly title: string;
  /** Who was struck. */
  readonly owner: string;
  /** Of the blow, by the wall clock. */
  readonly atMs: number;
  readonly gap: Gap;
  readonly allowance: Allowance;
  readonly window: Window;
  readonly samples: readonly Sample[];
  /** Who held the service when. */
  readonly held: readonly Span[];
  /** How long two nodes held it at once. */
  readonly overlapMs: number;
}

interface Scenario {
  readonly blow: Blow;
  readonly title: string;
  readonly strike: (stage: Stage, owner: NodeName) => Promise<void>;
  readonly repair: (stage: Stage, owner: NodeName) => Promise<void>;
}

/** @param cutWords what "cut off" means in this world */
function scenariosOf(cutWords: string): readonly Scenario[] {
  return [
    {
      blow: "power",
      title: "Power failure: node, agent, guard and application are gone",
      strike: ({ cluster }, owner) => cluster.switchOff(owner),
      repair: ({ cluster }, owner) => cluster.switchOn(owner),
    },
    {
      blow: "cut",
      title: `The owner goes on, but ${cutWords}`,
      strike: ({ world }, owner) => world.cutOff(owner),
      repair: ({ world }, owner) => world.reconnect(owner),
    },
    {
      blow: "pause",
      title: "The owner's agent stands still beyond its right",
      strike: async ({ cluster }, owner) => cluster.signalAgent(owner, "SIGSTOP"),
      repair: async ({ cluster }, owner) => cluster.signalAgent(owner, "SIGCONT"),
    },
    { blow: "move", title: "A planned move", strike: moveOn, repair: async () => undefined },
  ];
}

/** @throws {Error} when the service does not come back */
export async function runScenarios(stage: Stage): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const [at, scenario] of scenariosOf(stage.world.cutWords).entries()) {
    const owner = await untilSettled(stage);
    stage.progress(`${at + 1}. ${scenario.title} (${owner})`);
    const outcome = await runScenario(stage, scenario, owner);
    stage.progress(
      `   ${outcome.gap.after} answers; nobody did for ${Math.round(outcome.gap.toMs - outcome.gap.fromMs)} ms`,
    );
    outcomes.push(outcome);
  }
  return outcomes;
}

async function runScenario(stage: Stage, scenario: Scenario, owner: NodeName): Promise<Outcome> {
  await sleep(beforeMs, undefined, { signal: stage.signal });
  const atMs = Date.now();
  await scenario.strike(stage, owner);
  await untilTakenOver(stage, owner, atMs);
  const window = { fromMs: atMs - beforeMs, toMs: Date.now() };
  const samples = stage.observer.samples.filter(({ sentMs }) => sentMs >= window.fromMs && sentMs <= window.toMs);
  const held = stage.world.held(window) ?? answeringSpans(samples, window, answerPatienceMs);
  await scenario.repair(stage, owner);
  const { blow, title } = scenario;
  const gap = longestGap(samples, window);
  const seen = held.filter(({ fromMs, toMs }) => toMs >= window.fromMs && fromMs <= window.toMs);
  const allowance = allowanceOf(blow);
  return { blow, title, owner, atMs, gap, allowance, window, samples, held: seen, overlapMs: longestOverlap(seen) };
}

/** To the next in the list, around its end. */
async function moveOn({ observer }: Stage, owner: NodeName): Promise<void> {
  const to = nodes[(nodes.indexOf(owner) + 1) % nodes.length] ?? owner;
  const answer = await observer.ask({ type: "move", to });
  if (typeof answer === "string") throw new Error(`The move was refused: ${answer}`);
}

/** Until all owners are up and the application answers. @returns its owner */
async function untilSettled({ observer, signal }: Stage): Promise<NodeName> {
  const giveUpAtMs = performance.now() + settlePatienceMs;
  for (;;) {
    const view = await observer.ask({ type: "look" });
    const owner = settledOwner(view, observer.samples);
    if (owner !== null) return owner;
    if (performance.now() > giveUpAtMs) throw new Error(`The cluster does not settle: ${JSON.stringify(view)}`);
    await sleep(lookIntervalMs, undefined, { signal });
  }
}

function settledOwner(view: GroupView | string, samples: readonly Sample[]): NodeName | null {
  if (typeof view === "string" || view.state !== "online" || view.up.length < nodes.length) return null;
  const answers = samples.slice(-20);
  const isAnswering = answers.length > 0 && answers.every(({ node }) => node === view.owner);
  return isAnswering ? (nodes.find((node) => node === view.owner) ?? null) : null;
}

/** Until another node than the former owner has answered for a while. */
async function untilTakenOver({ observer, signal }: Stage, former: NodeName, sinceMs: number): Promise<void> {
  const giveUpAtMs = performance.now() + takeOverPatienceMs;
  for (;;) {
    const first = observer.samples.find(({ node, endedMs }) => node !== null && node !== former && endedMs > sinceMs);
    if (first !== undefined && Date.now() > first.endedMs + afterMs) return;
    if (performance.now() > giveUpAtMs) {
      throw new Error(`Nobody took over from ${former}: ${JSON.stringify(await observer.ask({ type: "look" }))}`);
    }
    await sleep(lookIntervalMs, undefined, { signal });
  }
}
