// The arithmetic behind the benchmark's figures: medians, ratios of pairs, CPU time of processes, a load of known latency.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { textOfBounds } from "../../../bench/bounds.ts";
import { comparedPairs, entrantNames } from "../../../bench/entrants.ts";
import { measureLoad, type Sample } from "../../../bench/load.ts";
import { cpuSeconds } from "../../../bench/process-cpu.ts";
import { ratiosOf, textOfFigures } from "../../../bench/report.ts";
import { spreadOf } from "../../../bench/statistics.ts";

const never = new AbortController().signal;

function sampleOf(perSecond: number): Sample {
  return { perSecond, p50Ms: 1, p99Ms: 2, maxMs: 3, serverCpuUs: 100, clientCpuUs: 50, calls: 10 };
}

test("spreadOf() takes the middle one, or the middle of two, whatever the order", () => {
  assert.deepEqual(spreadOf([9, 1, 10]), { median: 9, min: 1, max: 10 });
  assert.deepEqual(spreadOf([4, 1, 2, 100]), { median: 3, min: 1, max: 100 });
  assert.deepEqual(spreadOf([7]), { median: 7, min: 7, max: 7 });
  assert.throws(() => spreadOf([]));
});

test("ratiosOf() divides within a round: a slow round of both is no difference", () => {
  const series = [
    { entrant: "product", inFlight: 1, samples: [50, 5, 500].map(sampleOf) },
    { entrant: "ceiling", inFlight: 1, samples: [100, 10, 1_000].map(sampleOf) },
    { entrant: "product", inFlight: 64, samples: [sampleOf(1)] },
  ];
  const ratios = ratiosOf([{ entrant: "product", to: "ceiling" }], series);
  assert.deepEqual(
    ratios.map(({ entrant, to, inFlight, figures }) => [entrant, to, inFlight, figures.perSecond]),
    [["product", "ceiling", 1, { median: 0.5, min: 0.5, max: 0.5 }]],
  );
  assert.match(textOfFigures(series, ratios), /1 {2}product \/ ceiling +0\.50x \(0\.50x-0\.50x\)/);
});

test("textOfBounds() says of each bound whether the median of the rounds' ratios holds it, or that it was not measured", () => {
  const { session, unary, ceiling, etcd } = entrantNames;
  const rounds = (...perSecond: readonly number[]) => perSecond.map(sampleOf);
  const slower = (sample: Sample): Sample => ({ ...sample, p50Ms: 1.3 });
  const ratios = ratiosOf(comparedPairs, [
    { entrant: session, inFlight: 64, samples: rounds(40, 50, 60) },
    { entrant: ceiling, inFlight: 64, samples: rounds(100, 100, 100) },
    { entrant: etcd, inFlight: 64, samples: rounds(20, 10, 30) },
    { entrant: session, inFlight: 1, samples: rounds(1, 1, 1).map(slower) },
    { entrant: ceiling, inFlight: 1, samples: rounds(1, 1, 1) },
  ]);
  assert.deepEqual(textOfBounds(ratios).split("\n").slice(1), [
    `  writes/s with 64 in flight, ${session} / ${ceiling}: 0.50x, at least 0.5x holds`,
    `  writes/s with 64 in flight, ${session} / ${etcd}: 2.00x, at least 3x DOES NOT HOLD`,
    `  writes/s with 64 in flight, ${unary} / ${etcd}: not measured; at least 0.7x`,
    `  p50 ms with 1 in flight, ${session} / ${ceiling}: 1.30x, at most 1.2x DOES NOT HOLD`,
  ]);
});

test("cpuSeconds() counts what a process burns, and refuses one that is gone", () => {
  const before = cpuSeconds([process.pid]);
  const { user, system } = process.cpuUsage();
  while (process.cpuUsage().user - user < 100_000);
  const used = process.cpuUsage();
  const expected = (used.user + used.system - user - system) / 1e6;
  assert.ok(Math.abs(cpuSeconds([process.pid]) - before - expected) <= 0.05);
  assert.throws(() => cpuSeconds([2 ** 30]));
});

test("measureLoad() finds the latency, the rate and the number in flight that a call has", async () => {
  const serviceMs = 20;
  const tookMs: number[] = [];
  let inFlight = 0;
  let most = 0;
  const call = async () => {
    inFlight += 1;
    most = Math.max(most, inFlight);
    tookMs.push(await timed(sleep(serviceMs)));
    inFlight -= 1;
  };
  const sample = await measureLoad({ inFlight: 4, rampMs: 50, measureMs: 400, pids: [process.pid], call }, never);
  assert.equal(most, 4);
  assert.equal(inFlight, 0);
  // On a machine that stalls a call takes what it takes: at least the service, and what the call itself has seen.
  assert.ok(sample.p50Ms >= serviceMs - 2 && sample.p50Ms <= Math.max(...tookMs) + 2, `p50 ${sample.p50Ms}`);
  // Little's law holds for any stall: in flight = rate x mean latency, which is at least the service.
  assert.ok(sample.perSecond <= (4 * 1_000) / (serviceMs - 2), `${sample.perSecond}/s`);
  assert.ok(sample.calls > 0 && sample.calls < tookMs.length, `${sample.calls} calls of ${tookMs.length}`);
});

test("measureLoad() leaves the ramp out and fails with the first error of a call", async () => {
  const tookMs: number[] = [];
  const slowAtFirst = async () => void tookMs.push(await timed(sleep(tookMs.length === 0 ? 60 : 5)));
  const load = { inFlight: 1, rampMs: 100, measureMs: 100, pids: [], call: slowAtFirst };
  const { maxMs } = await measureLoad(load, never);
  assert.ok(maxMs <= Math.max(...tookMs.slice(1)) + 2, `${maxMs} of ${tookMs.join(" ")}`);
  const refused = async () => Promise.reject(new Error("refused"));
  await assert.rejects(measureLoad({ ...load, call: refused }, never), /refused/);
});

async function timed(work: Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work;
  return performance.now() - startMs;
}
