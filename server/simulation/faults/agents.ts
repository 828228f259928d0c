// What befalls agents and their machines, and what operators do meanwhile.

import type { Random } from "../../../proto/random.ts";
import type { AgentDeathOptions, DrainOptions, PauseOptions, RecurrenceOptions } from "../run-options.ts";
import type { Agents } from "../workload/agents.ts";
import type { Operators } from "../workload/operators.ts";
import type { World } from "../world.ts";
import { type Fault, recurring } from "./fault.ts";

/** Of the agents that end: in order, with all that they run. */
const leavesShare = 0.3;

/** Whom it befalls: in half of the cases somebody whose machine runs an application. */
function drawMachine(agents: Agents, random: Random) {
  const powered = agents.machines.filter(({ isPowered }) => isPowered);
  const busy = powered.filter(({ applications }) => applications.size > 0);
  const among = busy.length > 0 && random.chance(0.7) ? busy : powered;
  return among.length === 0 ? null : random.pick(among);
}

export function agentPauses(world: World, agents: Agents, random: Random, options: PauseOptions): Fault {
  const { meanMs, durationMsMin, durationMsMax } = options;
  const strike = () => {
    const machine = drawMachine(agents, random);
    const durationMs = durationMsMin + random.fraction() ** 2 * (durationMsMax - durationMsMin);
    if (machine === null) return 0;
    agents.pause(machine.node, durationMs);
    return 1;
  };
  return recurring("agent-pause", { scheduler: world.scheduler, random, meanMs }, { strike });
}

export function freezes(world: World, agents: Agents, random: Random, options: PauseOptions): Fault {
  const { meanMs, durationMsMin, durationMsMax } = options;
  const strike = () => {
    const machine = drawMachine(agents, random);
    const durationMs = durationMsMin + random.fraction() * (durationMsMax - durationMsMin);
    if (machine === null) return 0;
    agents.freeze(machine.node, durationMs);
    return 1;
  };
  return recurring("freeze", { scheduler: world.scheduler, random, meanMs }, { strike });
}

export function agentDeaths(world: World, agents: Agents, random: Random, options: AgentDeathOptions): Fault {
  const { meanMs, downMsMax } = options;
  const strike = () => {
    const machine = drawMachine(agents, random);
    const downMs = random.fraction() * downMsMax;
    if (machine === null) return 0;
    const { node } = machine;
    const beginLater = () => void world.scheduler.after(downMs, () => agents.begin(node));
    if (random.chance(leavesShare)) return agents.leave(node, beginLater) ? 1 : 0;
    if (!agents.kill(node)) return 0;
    beginLater();
    return 1;
  };
  return recurring("agent-death", { scheduler: world.scheduler, random, meanMs }, { strike });
}

export function agentClocks(world: World, agents: Agents, random: Random, { meanMs }: RecurrenceOptions): Fault {
  const strike = () => {
    agents.setClockRate(random.pick(agents.machines).node, agents.drawRate());
    return 1;
  };
  return recurring("agent-clocks", { scheduler: world.scheduler, random, meanMs }, { strike });
}

export function wishes(world: World, operators: Operators, random: Random, { meanMs }: RecurrenceOptions): Fault {
  return recurring("wishes", { scheduler: world.scheduler, random, meanMs }, { strike: () => operators.wish() });
}

export function drains(world: World, operators: Operators, random: Random, options: DrainOptions): Fault {
  const { meanMs, durationMsMax } = options;
  const strike = () => operators.drain(random.fraction() * durationMsMax);
  return recurring("drains", { scheduler: world.scheduler, random, meanMs }, { strike });
}
