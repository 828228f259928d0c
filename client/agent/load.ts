// What this machine has in use: processor time and memory, as the system tells it.

import { availableParallelism, freemem, loadavg, totalmem } from "node:os";

const bytesOfMib = 1024 * 1024;

/** `cpuMilli`: thousandths of a processor, by the load of the last minute; `memoryMib`. */
export function measureLoad(): {
  readonly load: ReadonlyMap<string, number>;
  readonly capacity: ReadonlyMap<string, number>;
} {
  const [minute = 0] = loadavg();
  const load = [
    ["cpuMilli", Math.round(minute * 1_000)],
    ["memoryMib", Math.round((totalmem() - freemem()) / bytesOfMib)],
  ] as const;
  const capacity = [
    ["cpuMilli", availableParallelism() * 1_000],
    ["memoryMib", Math.round(totalmem() / bytesOfMib)],
  ] as const;
  return { load: new Map(load), capacity: new Map(capacity) };
}
