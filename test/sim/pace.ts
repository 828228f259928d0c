// A slow run: as much happens as in any other, but over minutes. What nodes do by the clock alone has its time then: pauses
// that double, witnesses that stay away, beats of an idle group.

import type { SimOptions } from "../../server/simulation/run-options.ts";

const leaseTtlMsMax = 30_000;

interface Recurring {
  readonly meanMs: number;
}

/** @param times how much longer all pauses are; what takes its time by itself, such as a cut or a crash, takes no longer */
export function slowed(options: SimOptions, times: number): SimOptions {
  const { workload, safetyMs } = options;
  const longer = times === 1 ? workload.leaseTtlMsMax : leaseTtlMsMax;
  const rarer = <Fault extends Recurring>(fault: Fault | null): Fault | null => {
    return fault === null ? null : { ...fault, meanMs: fault.meanMs * times };
  };
  return {
    ...options,
    safetyMs: safetyMs * times,
    workload: { ...workload, thinkMsMean: workload.thinkMsMean * times, leaseTtlMsMax: longer },
    crash: rarer(options.crash),
    partition: rarer(options.partition),
    lossyPath: rarer(options.lossyPath),
    pause: rarer(options.pause),
    stall: rarer(options.stall),
    clockRate: rarer(options.clockRate),
    wallClock: rarer(options.wallClock),
    diskFailure: rarer(options.diskFailure),
    stuckDisk: rarer(options.stuckDisk),
    churn: rarer(options.churn),
    bitRot: rarer(options.bitRot),
  };
}
