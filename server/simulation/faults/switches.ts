// The faults of a run by name, and how each is switched off: for `--faults` and `--without`, and for shrinking.

import { calmLink } from "../link-options.ts";
import type { SimOptions } from "../run-options.ts";
import { calmDisk } from "../sim-disk.ts";

interface Switch {
  readonly isOn: (options: SimOptions) => boolean;
  readonly off: Partial<SimOptions>;
}

const switches = {
  crash: { isOn: ({ crash }) => crash !== null, off: { crash: null } },
  partition: { isOn: ({ partition }) => partition !== null, off: { partition: null } },
  pause: { isOn: ({ pause }) => pause !== null, off: { pause: null } },
  stall: { isOn: ({ stall }) => stall !== null, off: { stall: null } },
  clocks: { isOn: ({ clockRate }) => clockRate !== null, off: { clockRate: null } },
  "wall-clock": { isOn: ({ wallClock }) => wallClock !== null, off: { wallClock: null } },
  paths: { isOn: ({ lossyPath }) => lossyPath !== null, off: { lossyPath: null } },
  "full-disks": { isOn: ({ diskFailure }) => diskFailure !== null, off: { diskFailure: null } },
  "stuck-disks": { isOn: ({ stuckDisk }) => stuckDisk !== null, off: { stuckDisk: null } },
  churn: { isOn: ({ churn }) => churn !== null, off: { churn: null } },
  rot: { isOn: ({ bitRot }) => bitRot !== null, off: { bitRot: null } },
  "agent-pause": { isOn: ({ agentPause }) => agentPause !== null, off: { agentPause: null } },
  "agent-death": { isOn: ({ agentDeath }) => agentDeath !== null, off: { agentDeath: null } },
  freeze: { isOn: ({ freeze }) => freeze !== null, off: { freeze: null } },
  scripts: { isOn: ({ scripts }) => scripts !== null, off: { scripts: null } },
  "agent-clocks": { isOn: ({ agentClock }) => agentClock !== null, off: { agentClock: null } },
  wishes: { isOn: ({ wishes }) => wishes !== null, off: { wishes: null } },
  drains: { isOn: ({ drains }) => drains !== null, off: { drains: null } },
  links: { isOn: ({ link }) => link !== calmLink, off: { link: calmLink } },
  disks: { isOn: ({ disk }) => disk !== calmDisk, off: { disk: calmDisk } },
  gossip: { isOn: ({ gossip }) => gossip !== "normal", off: { gossip: "normal" } },
  /** Nodes that stay broken while a core is healed. */
  core: { isOn: ({ core }) => core !== null, off: { core: null } },
} as const satisfies Record<string, Switch>;

export type FaultName = keyof typeof switches;

export const faultNames = Object.keys(switches) as readonly FaultName[];

export function isFaultName(name: string): name is FaultName {
  return Object.hasOwn(switches, name);
}

export function withoutFaults(options: SimOptions, faults: readonly FaultName[]): SimOptions {
  let left = options;
  for (const fault of faults) left = { ...left, ...switches[fault].off };
  return left;
}

export function faultsOf(options: SimOptions): readonly FaultName[] {
  return faultNames.filter((fault) => switches[fault].isOn(options));
}
