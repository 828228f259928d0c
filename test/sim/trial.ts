// What short trials of applications and agents have in common: a calm cluster with agents, one resource to each group, and
// nothing that befalls anybody but what the trial does.

import { assert } from "../../proto/assert.ts";
import { encodeGroupConfig } from "../../proto/group-config.ts";
import type { GroupId, NodeId } from "../../proto/ids.ts";
import type { GroupWish } from "../../proto/placement.ts";
import type { Request } from "../../proto/requests.ts";
import { calmLink } from "../../server/simulation/link-options.ts";
import type { SimOptions } from "../../server/simulation/run-options.ts";
import { calmDisk } from "../../server/simulation/sim-disk.ts";
import type { Testbed } from "../../server/simulation/testbed.ts";
import type { Topology } from "../../server/simulation/topology.ts";
import { calmOptions } from "./scene.ts";

export interface Terms {
  readonly ttlMs: number;
  readonly renewIntervalMs: number;
  readonly stopBudgetMs: number;
  readonly clockRateErrorPercent: number;
}

/** What waits for several messages, or for disks, leaves time for something to come between. */
const slowLink = { ...calmLink, latencyMsMin: 20, latencyMsMean: 40 };
const slowDisk = { ...calmDisk, syncMsMin: 100, syncMsMean: 200 };
const untilMsMax = 30_000;

export const stepMs = 5;

export function trialOptions(
  seed: number,
  topology: Topology,
  { renewIntervalMs, clockRateErrorPercent }: Terms,
  isSlow: boolean,
): SimOptions {
  const error = clockRateErrorPercent / 100;
  const calm = calmOptions(seed, topology);
  return {
    ...calm,
    workload: { ...calm.workload, clients: 1, thinkMsMean: 500 },
    link: isSlow ? slowLink : calmLink,
    disk: isSlow ? slowDisk : calmDisk,
    agents: {
      reportEveryMs: renewIntervalMs,
      rates: { rateMin: 1 - error, rateMax: 1 + error },
      failoversMin: 1,
      refusalsMin: 0,
    },
  };
}

/** Of a group whose application may be moved as often as a trial wants, and goes back to nobody by itself. */
export function configOf(lease: Terms, demand: Readonly<Record<string, number>> = {}): Uint8Array {
  const resources = [{ name: "web", application: {}, run: { exec: { start: ["/bin/web"], foreground: true } } }];
  const antiFlap = { movesMax: 100, windowMs: 60_000 };
  return encodeGroupConfig({
    lease,
    resources,
    management: { fallback: { never: {} }, settlingTimeMs: 0, antiFlap, demand },
  });
}

/** Runs on until it is so. */
export function until({ world }: Testbed, what: string, isSo: () => boolean): void {
  const endMs = world.nowMs + untilMsMax;
  for (; !isSo(); world.runFor(stepMs)) assert(world.nowMs < endMs, () => `${what}: not within ${untilMsMax} ms`);
}

/** Of an operator, by way of this node. */
export function wish({ world }: Testbed, through: NodeId, group: GroupId, wanted: GroupWish): void {
  const request: Request = {
    type: "wish",
    group,
    wish: wanted,
    validateOnly: false,
    who: "an operator",
    why: "a trial",
  };
  world.node(through).call(request, 3_000, { reply: () => {}, watch: () => {}, lost: () => {} });
}
