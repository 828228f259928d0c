// The load: a closed loop with a fixed number of calls in flight. First it runs unmeasured, then for a fixed time; what
// ends within that time counts, and so does the CPU that the servers and this client use in it.

import { setTimeout as sleep } from "node:timers/promises";
import { build } from "hdr-histogram-js";
import { cpuSeconds } from "./process-cpu.ts";

export interface LoadOptions {
  readonly inFlight: number;
  readonly rampMs: number;
  readonly measureMs: number;
  /** Processes whose CPU is charged. */
  readonly pids: readonly number[];
  readonly call: () => Promise<unknown>;
}

export interface Sample {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Of all server processes together, for each call that ended. */
  readonly serverCpuUs: number;
  /** Of this process, which shares the machine with the servers. */
  readonly clientCpuUs: number;
  readonly calls: number;
}

const highestUs = 120_000_000;

/** @throws the first error of a call: a benchmark of refusals would flatter */
export async function measureLoad(options: LoadOptions, signal: AbortSignal): Promise<Sample> {
  const loop = new ClosedLoop(options.call);
  const workers = Array.from({ length: options.inFlight }, () => loop.work());
  try {
    await waitBeside(workers, options.rampMs, signal);
    const before = countersOf(options.pids);
    loop.begin();
    await waitBeside(workers, options.measureMs, signal);
    const latencies = loop.end();
    return toSample(latencies, before, countersOf(options.pids));
  } finally {
    loop.stop();
    await Promise.allSettled(workers);
  }
}

class ClosedLoop {
  readonly #call: () => Promise<unknown>;
  readonly #latenciesUs = build({ highestTrackableValue: highestUs, numberOfSignificantValueDigits: 3 });
  #isCounting = false;
  #isRunning = true;

  constructor(call: () => Promise<unknown>) {
    this.#call = call;
  }

  async work(): Promise<void> {
    while (this.#isRunning) {
      const startMs = performance.now();
      await this.#call();
      if (!this.#isCounting) continue;
      this.#latenciesUs.recordValue(Math.min(highestUs, Math.round((performance.now() - startMs) * 1_000)));
    }
  }

  begin(): void {
    this.#isCounting = true;
  }

  end(): Latencies {
    this.#isCounting = false;
    const { totalCount, maxValue } = this.#latenciesUs;
    return {
      count: totalCount,
      p50Us: this.#latenciesUs.getValueAtPercentile(50),
      p99Us: this.#latenciesUs.getValueAtPercentile(99),
      maxUs: maxValue,
    };
  }

  stop(): void {
    this.#isRunning = false;
  }
}

interface Latencies {
  readonly count: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
}

interface Counters {
  readonly atMs: number;
  readonly serverCpuSeconds: number;
  readonly clientCpuUs: number;
}

function countersOf(pids: readonly number[]): Counters {
  const { user, system } = process.cpuUsage();
  return { atMs: performance.now(), serverCpuSeconds: cpuSeconds(pids), clientCpuUs: user + system };
}

function toSample({ count, p50Us, p99Us, maxUs }: Latencies, before: Counters, after: Counters): Sample {
  if (count === 0) throw new Error("No call ended while it was measured");
  return {
    perSecond: (count * 1_000) / (after.atMs - before.atMs),
    p50Ms: p50Us / 1_000,
    p99Ms: p99Us / 1_000,
    maxMs: maxUs / 1_000,
    serverCpuUs: ((after.serverCpuSeconds - before.serverCpuSeconds) * 1_000_000) / count,
    clientCpuUs: (after.clientCpuUs - before.clientCpuUs) / count,
    calls: count,
  };
}

/** Waits, unless a worker fails first: workers end by themselves only then. */
async function waitBeside(workers: readonly Promise<void>[], ms: number, signal: AbortSignal): Promise<void> {
  await Promise.race([sleep(ms, undefined, { signal }), ...workers]);
}
