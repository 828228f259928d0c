// A power switch, as agents reach it whatever becomes of the network: it takes the power of a machine, with all that runs there,
// some time before it says so, or fails, or never ends. A machine whose node ran has its power back soon, maybe before the switch
// has said anything; whether it stays so is nobody's promise.

import type { NodeId } from "../../../proto/ids.ts";
import type { Random } from "../../../proto/random.ts";
import type { FenceOptions } from "../run-options.ts";
import type { World } from "../world.ts";
import type { Machine } from "./machine.ts";

export interface FencesOptions extends FenceOptions {
  readonly world: World;
  readonly random: Random;
  readonly machine: (node: NodeId) => Machine;
  /** Its agent ends, and all that its machine runs. */
  readonly powerOff: (node: NodeId) => void;
}

const restartMsMax = 3_000;
/** Shorter than any group waits for its fence. */
const healedMsMax = 1_000;
const killsThoughItFails = 0.5;

export class PowerSwitch {
  readonly #options: FencesOptions;
  #msMax: number;
  #failProbability: number;
  #hangProbability: number;
  #restartMsMax = restartMsMax;
  /** What was to start before the last time that somebody else decided who is to run stays as it is. */
  #round = 0;
  #count = 0;

  constructor(options: FencesOptions) {
    this.#options = options;
    this.#msMax = options.msMax;
    this.#failProbability = options.failProbability;
    this.#hangProbability = options.hangProbability;
  }

  /** Machines that lost their power. */
  get count(): number {
    return this.#count;
  }

  /** From now on it works in time, and a machine has its power back at once. */
  heal(): void {
    this.#restartMsMax = 0;
    this.#msMax = Math.min(this.#msMax, healedMsMax);
    this.#failProbability = 0;
    this.#hangProbability = 0;
  }

  /** Somebody else decides now which of the nodes that are down start again. */
  leaveDown(): void {
    this.#round += 1;
  }

  /** @param run in the process that waits for the switch @param ended with the exit status; never called when it hangs */
  fence(node: NodeId, ended: (exitStatus: number) => void, run: (delayMs: number, then: () => void) => void): void {
    const { world, random } = this.#options;
    const hangs = random.chance(this.#hangProbability);
    const fails = random.chance(this.#failProbability);
    const tookMs = random.fraction() * this.#msMax;
    const kills = (!fails && !hangs) || random.chance(killsThoughItFails);
    // The switch is another machine: it does not stand still with the one that asked.
    if (kills) world.scheduler.after(random.fraction() * tookMs, () => this.#kill(node));
    if (!hangs) run(tookMs, () => ended(fails ? 1 : 0));
  }

  #kill(node: NodeId): void {
    const { world, random, machine, powerOff } = this.#options;
    this.#count += 1;
    const { simNode, isPowered } = machine(node);
    const wasRunning = simNode.isRunning;
    if (wasRunning) simNode.crash("power");
    else if (isPowered) powerOff(node);
    if (!wasRunning) return;
    if (this.#restartMsMax === 0) return simNode.start();
    const round = this.#round;
    world.scheduler.after(random.fraction() * this.#restartMsMax, () => {
      if (round === this.#round && !simNode.isRunning) simNode.start();
    });
  }
}
