// A large cluster that nobody uses: groups of three that overlap in a ring. It has to come up and elect everywhere.

import { type NodeId, toGroupId, toNodeId } from "../../proto/ids.ts";
import { createBoot } from "../../server/simulation/boot.ts";
import { plainBootstrap } from "../../server/simulation/reference-topology.ts";
import { World } from "../../server/simulation/world.ts";

export interface QuietReport {
  readonly groups: number;
  /** Groups that have a manager, the cluster group among them. */
  readonly managed: number;
  readonly messages: number;
  /** Times that leadership was handed to an owner of higher precedence. */
  readonly handedOver: number;
  /** Terms beyond the first of a group and those that were handed over: elections that need not have been. */
  readonly repeatedElections: number;
}

/** Runs `count` nodes with as many groups for `durationMs` of virtual time. */
export function runQuietWorld(count: number, durationMs: number): QuietReport {
  const nodes = Array.from({ length: count }, (_, position) => toNodeId(`n${position + 1}`));
  const groups = nodes.map((node, position) => {
    const owners = [node, nodes[(position + 1) % count], nodes[(position + 2) % count]];
    return [toGroupId(`g${position + 1}`), owners as NodeId[]] as const;
  });
  const bootstrap = plainBootstrap(nodes, groups, nodes.slice(0, 5));
  const boot = createBoot(bootstrap);
  const world = new World({ seed: count, cluster: bootstrap.cluster, nodes, boot, carry: (envelope) => envelope });
  const led = new Map<unknown, number>();
  let handedOver = 0;
  world.observe({
    noted: (_node, _level, text, { group, role }) => {
      if (text === "Hands leadership over") handedOver += 1;
      if (text === "Role changed" && role === "leader") led.set(group, (led.get(group) ?? 0) + 1);
    },
  });
  for (const node of world.nodes) node.start();
  world.runFor(durationMs);
  const repeated = [...led.values()].reduce((sum, times) => sum + times - 1, 0);
  return {
    groups: groups.length + 1,
    managed: led.size,
    messages: world.network.delivered,
    handedOver,
    repeatedElections: repeated - handedOver,
  };
}
