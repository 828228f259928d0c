// The arithmetic behind the benchmark's figures: medians, ratios of pairs, CPU time of processes, a load of known latency.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { measureLoad, type Sample } from "../../../bench/load.ts";
import { cpuSeconds } from "../../../bench/process-cpu.ts";
import { ratiosTo, textOfFigures } from "../../../bench/report.ts";
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

test("ratiosTo() divides within a round: a slow round of both is no difference", () => {
  const series = [
    { subject: "product", inFlight: 1, samples: [50, 5, 500].map(sampleOf) },
    { subject: "ceiling", inFlight: 1, samples: [100, 10, 1_000].map(sampleOf) },
    { subject: "product", inFlight: 64, samples: [sampleOf(1)] },
  ];
  const ratios = ratiosTo("ceiling", series);
  assert.deepEqual(
    ratios.map(({ subject, inFlight, figures }) => [subject, inFlight, figures.perSecond]),
    [["product", 1, { median: 0.5, min: 0.5, max: 0.5 }]],
  );
  assert.match(textOfFigures(series, ratios), /1 {2}product \/ ceiling +0\.50x \(0\.50x-0\.50x\)/);
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
  let inFlight = 0;
  let most = 0;
  const call = async () => {
    inFlight += 1;
    most = Math.max(most, inFlight);
    await sleep(serviceMs);
    inFlight -= 1;
  };
  const sample = await measureLoad({ inFlight: 4, rampMs: 50, measureMs: 400, pids: [process.pid], call }, never);
  assert.equal(most, 4);
  assert.equal(inFlight, 0);
  assert.ok(sample.p50Ms >= serviceMs - 2 && sample.p50Ms < 2 * serviceMs, `p50 ${sample.p50Ms}`);
  // Little's law holds for any stall of the machine: in flight = rate x mean latency, which is at least the service.
  assert.ok(sample.perSecond <= (4 * 1_000) / (serviceMs - 2), `${sample.perSecond}/s`);
  assert.ok(sample.calls >= 20, `${sample.calls} calls`);
});

test("measureLoad() leaves the ramp out and fails with the first error of a call", async () => {
  let calls = 0;
  const slowAtFirst = async () => sleep(++calls > 1 ? 5 : 60);
  const load = { inFlight: 1, rampMs: 100, measureMs: 100, pids: [], call: slowAtFirst };
  assert.ok((await measureLoad(load, never)).maxMs < 50);
  const refused = async () => Promise.reject(new Error("refused"));
  await assert.rejects(measureLoad({ ...load, call: refused }, never), /refused/);
});
