// The benchmark of watches: how long an event takes to reach all of many watches on one node and what they cost in memory, and
// what a reader that reads nothing does to a thousand that do.

import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { build, type Histogram } from "hdr-histogram-js";
import { describeMachine, textOfMachine, warningsOf } from "./machine.ts";
import type { WatchBenchOptions } from "./options.ts";
import { startProduct } from "./product/start.ts";
import { type Stage, unlessAborted } from "./stage.ts";
import { type Spread, spreadOf } from "./statistics.ts";
import { UnaryClient } from "./unary-client.ts";
import { WatchClients } from "./watch-clients.ts";

interface Pace {
  /** Of many watches. */
  readonly events: number;
  readonly pairs: number;
  readonly eventsOfRound: number;
}

const manyWatches = 10_000;
const quickWatches = 1_000;
const perStream = 500;
const warmUpEvents = 5;

const quickPace: Pace = { events: 20, pairs: 3, eventsOfRound: 100 };
const fullPace: Pace = { events: 100, pairs: 7, eventsOfRound: 300 };

interface Many {
  readonly watches: number;
  /** From the put to its last delivery. */
  readonly toAllMs: Spread;
  readonly openMs: number;
  readonly memory: { readonly beforeBytes: number; readonly openBytes: number; readonly afterBytes: number };
}

interface Pair {
  readonly aloneP99Ms: number;
  readonly besideP99Ms: number;
}

/** @returns what to print */
export async function benchWatches(stage: Stage, options: WatchBenchOptions): Promise<string> {
  const pace = options.quick ? quickPace : fullPace;
  const machine = describeMachine(stage.directory);
  stage.progress("starting the product: three nodes, one group");
  const { direct } = await startProduct(stage, null);
  const run = new Run(stage, direct.endpoint, direct.leaderPid);
  try {
    await run.connect();
    const many = await run.many(pace);
    const pairs = await run.pairs(pace);
    if (options.json !== null) {
      const figures = { benchmark: "watch", at: new Date().toISOString(), machine, pace, many, pairs };
      await writeFile(options.json, `${JSON.stringify(figures, null, 2)}\n`);
    }
    const warnings = warningsOf(machine).map((text) => `Warning: ${text}.`);
    return [textOfMachine(machine), ...warnings, "", ...textOfMany(many, pace), "", ...textOfPairs(pairs)].join("\n");
  } finally {
    run.close();
  }
}

class Run {
  readonly #stage: Stage;
  readonly #endpoint: string;
  readonly #pid: number;
  readonly #puts: UnaryClient;
  readonly #open = new Set<WatchClients>();

  constructor(stage: Stage, endpoint: string, pid: number) {
    this.#stage = stage;
    this.#endpoint = endpoint;
    this.#pid = pid;
    this.#puts = new UnaryClient(endpoint);
  }

  connect(): Promise<void> {
    return this.#puts.connect();
  }

  close(): void {
    for (const clients of this.#open) clients.close();
    this.#puts.close();
  }

  async many({ events }: Pace): Promise<Many> {
    const beforeBytes = memoryOf(this.#pid);
    const startMs = performance.now();
    const clients = await this.#watch(manyWatches);
    const openMs = performance.now() - startMs;
    const openBytes = memoryOf(this.#pid);
    this.#stage.progress(`${manyWatches} watches are open after ${Math.round(openMs)} ms`);
    const times: number[] = [];
    for (let event = -warmUpEvents; event < events; event++) {
      const toAllMs = await this.#event(clients, manyWatches);
      if (event >= 0) times.push(toAllMs);
    }
    const memory = { beforeBytes, openBytes, afterBytes: memoryOf(this.#pid) };
    this.#end(clients);
    return { watches: manyWatches, toAllMs: spreadOf(times), openMs, memory };
  }

  /** Both halves of a pair come one after the other, in turn first, so that both see the same machine. */
  async pairs({ pairs, eventsOfRound }: Pace): Promise<readonly Pair[]> {
    const clients = await this.#watch(quickWatches);
    await this.#p99(clients, eventsOfRound);
    const found: Pair[] = [];
    for (let pair = 0; pair < pairs; pair++) {
      this.#stage.progress(`pair ${pair + 1} of ${pairs}`);
      const isSlowFirst = pair % 2 === 1;
      const first = await this.#half(clients, eventsOfRound, isSlowFirst);
      const second = await this.#half(clients, eventsOfRound, !isSlowFirst);
      found.push(isSlowFirst ? { aloneP99Ms: second, besideP99Ms: first } : { aloneP99Ms: first, besideP99Ms: second });
    }
    this.#end(clients);
    return found;
  }

  /** The slow reader begins with all history, so that what it has not read fills every buffer on its way at once. */
  async #half(clients: WatchClients, events: number, isBesideSlow: boolean): Promise<number> {
    const slow = new WatchClients(this.#endpoint);
    this.#open.add(slow);
    if (isBesideSlow) slow.openSilent(2);
    for (let event = 0; event < warmUpEvents; event++) await this.#event(clients, quickWatches);
    const p99Ms = await this.#p99(clients, events);
    this.#end(slow);
    return p99Ms;
  }

  async #p99(clients: WatchClients, events: number): Promise<number> {
    const histogram: Histogram = build({ highestTrackableValue: 120_000_000, numberOfSignificantValueDigits: 3 });
    for (let event = 0; event < events; event++) {
      const startMs = performance.now();
      clients.onResponse = (atMs) => histogram.recordValue(Math.max(1, Math.round((atMs - startMs) * 1_000)));
      await this.#event(clients, quickWatches);
    }
    clients.onResponse = () => {};
    return histogram.getValueAtPercentile(99) / 1_000;
  }

  /** @returns ms from the put until every watch has it */
  async #event(clients: WatchClients, watches: number): Promise<number> {
    const startMs = performance.now();
    const all = clients.expect(watches);
    await unlessAborted(Promise.all([this.#puts.put(), all]), this.#stage.signal);
    return performance.now() - startMs;
  }

  async #watch(watches: number): Promise<WatchClients> {
    const clients = new WatchClients(this.#endpoint);
    this.#open.add(clients);
    await unlessAborted(clients.open({ watches, perStream, startRevision: 0 }), this.#stage.signal);
    return clients;
  }

  #end(clients: WatchClients): void {
    this.#open.delete(clients);
    clients.close();
  }
}

/** Resident memory of a process. */
function memoryOf(pid: number): number {
  const [, kibibytes] = /^VmRSS:\s+([0-9]+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kibibytes) * 1_024;
}

function textOfMany({ watches, toAllMs, openMs, memory }: Many, { events }: Pace): readonly string[] {
  const { beforeBytes, openBytes, afterBytes } = memory;
  const mebibytes = (bytes: number) => `${(bytes / 1_048_576).toFixed(1)} MiB`;
  const each = ((openBytes - beforeBytes) / watches / 1_024).toFixed(1);
  return [
    `${watches} watches on one node, over ${watches / perStream} streams of one connection, opened in ${(openMs / 1_000).toFixed(1)} s.`,
    `An event reaches all of them in ${textOf(toAllMs, "ms")}, median (lowest-highest) of ${events}.`,
    `Memory of the node: ${mebibytes(beforeBytes)} before, ${mebibytes(openBytes)} with them (${each} KiB each), ${mebibytes(afterBytes)} after the events.`,
  ];
}

function textOfPairs(pairs: readonly Pair[]): readonly string[] {
  const alone = spreadOf(pairs.map(({ aloneP99Ms }) => aloneP99Ms));
  const beside = spreadOf(pairs.map(({ besideP99Ms }) => besideP99Ms));
  const ratio = spreadOf(pairs.map(({ aloneP99Ms, besideP99Ms }) => besideP99Ms / aloneP99Ms));
  return [
    `${quickWatches} watches, p99 of the time from a put to each delivery, ${pairs.length} pairs, median (lowest-highest):`,
    `  alone                          ${textOf(alone, "ms")}`,
    `  beside one that reads nothing  ${textOf(beside, "ms")}`,
    `  ratio                          ${textOf(ratio, "x")}`,
  ];
}

function textOf({ median, min, max }: Spread, unit: string): string {
  return `${median.toFixed(2)} ${unit} (${min.toFixed(2)}-${max.toFixed(2)})`;
}
