// The order of measurements. In each round all subjects are measured one after the other at each load, so that a pair of
// figures is seconds apart, and every other round begins with the other side: the machine's moods fall on both.

import { measureLoad, type Sample } from "./load.ts";
import type { PutClient } from "./put-client.ts";
import { type Stage, unlessAborted } from "./stage.ts";
import type { Subject } from "./subject.ts";

export interface Entrant {
  /** The subject, and how it is called. */
  readonly name: string;
  readonly subject: Subject;
  readonly client: (endpoint: string) => PutClient;
  readonly inFlight: readonly number[];
}

export interface Pace {
  readonly rounds: number;
  /** At 64 in flight before the first round, so that servers and client have been compiled. */
  readonly warmUpMs: number;
  readonly rampMs: number;
  readonly measureMs: number;
}

/** All rounds of one entrant at one load; `samples[n]` is of round n. */
export interface Series {
  readonly entrant: string;
  readonly inFlight: number;
  readonly samples: readonly Sample[];
}

const warmUpInFlight = 64;

/** @returns by load, and within a load in the order of `entrants` */
export async function runRounds(stage: Stage, entrants: readonly Entrant[], pace: Pace): Promise<readonly Series[]> {
  const lanes = await Promise.all(entrants.map((entrant) => openLane(entrant, stage.signal)));
  try {
    for (const lane of lanes) await warmUp(stage, lane, pace);
    const loads = [...new Set(lanes.flatMap(({ inFlight }) => inFlight))].toSorted((left, right) => left - right);
    for (let round = 0; round < pace.rounds; round++) {
      stage.progress(`round ${round + 1} of ${pace.rounds}`);
      const order = round % 2 === 0 ? lanes : lanes.toReversed();
      for (const load of loads) for (const lane of order) await measure(stage, lane, load, pace);
    }
    return loads.flatMap((load) => lanes.flatMap((lane) => seriesOf(lane, load)));
  } finally {
    for (const { client } of lanes) client.close();
  }
}

interface Lane extends Omit<Entrant, "client"> {
  readonly client: PutClient;
  readonly samples: Map<number, Sample[]>;
}

async function openLane(entrant: Entrant, signal: AbortSignal): Promise<Lane> {
  const client = entrant.client(entrant.subject.endpoint);
  await unlessAborted(client.connect(), signal);
  return { ...entrant, client, samples: new Map(entrant.inFlight.map((load) => [load, []])) };
}

async function warmUp(stage: Stage, { name, subject, client }: Lane, { warmUpMs }: Pace): Promise<void> {
  stage.progress(`warming up ${name}`);
  const load = {
    inFlight: warmUpInFlight,
    rampMs: 0,
    measureMs: warmUpMs,
    pids: subject.pids,
    call: () => client.put(),
  };
  await unlessAborted(measureLoad(load, stage.signal), stage.signal);
}

async function measure(stage: Stage, lane: Lane, inFlight: number, { rampMs, measureMs }: Pace): Promise<void> {
  const samples = lane.samples.get(inFlight);
  if (samples === undefined) return;
  const { name, subject, client } = lane;
  const load = { inFlight, rampMs, measureMs, pids: subject.pids, call: () => client.put() };
  const sample = await unlessAborted(measureLoad(load, stage.signal), stage.signal);
  await subject.check(client.puts);
  samples.push(sample);
  stage.progress(`  ${inFlight} in flight, ${name}: ${Math.round(sample.perSecond)}/s`);
}

function seriesOf({ name, samples }: Lane, inFlight: number): readonly Series[] {
  const found = samples.get(inFlight);
  return found === undefined ? [] : [{ entrant: name, inFlight, samples: found }];
}
