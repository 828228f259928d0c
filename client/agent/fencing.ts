// Fences that groups order of this agent: a command that makes sure of another node. Each order is run once, however often it is
// repeated, and its outcome is told until it is ordered no more. An agent that starts anew has forgotten it and runs it again. The
// guard has no part in it: what is fenced holds no right here.

import { isName } from "../../proto/ids.ts";
import { shortened } from "./actions.ts";
import { agentLimits } from "./agent-limits.ts";
import { type AllowList, refuseProgram } from "./allow-list.ts";
import { execute, type Running } from "./executor.ts";
import type { ActionOutcome } from "./run-spec.ts";

export interface FenceOrder {
  /** Identity. */
  readonly order: string;
  /** To be fenced. */
  readonly node: string;
  readonly epoch: number;
  /** Program by absolute path and its arguments. */
  readonly command: readonly string[];
  readonly timeoutMs: number;
}

export interface FenceOutcome {
  readonly group: string;
  readonly order: string;
  /** 0: the node is fenced. 256: the command had none, or was not run. */
  readonly exitStatus: number;
  readonly why: string;
}

/** What a group has answered. */
export interface Ordered {
  readonly group: string;
  readonly fence: FenceOrder | null;
}

export interface FencesParts {
  readonly allow: AllowList;
  /** What the programs are given beside what they are told of the fence. */
  readonly environment: Readonly<Record<string, string>>;
  readonly stderrFile: (group: string) => string;
  /** There is an outcome to tell. */
  readonly ended: () => void;
  readonly log: (line: string) => void;
}

interface Fence {
  readonly order: string;
  /** null: it is under way. */
  outcome: FenceOutcome | null;
}

const withoutStatus = 256;

export class Fences {
  readonly #parts: FencesParts;
  /** By group: what it orders now. */
  readonly #fences = new Map<string, Fence>();
  /** Also those that are ordered no more. */
  readonly #running = new Set<Running>();

  constructor(parts: FencesParts) {
    this.#parts = parts;
  }

  /** What the next report tells. */
  get outcomes(): readonly FenceOutcome[] {
    return [...this.#fences.values()].flatMap(({ outcome }) => outcome ?? []);
  }

  /** A group that has not answered may still order what it did; of one that orders nothing any more nothing is told. */
  follow(groups: readonly Ordered[]): void {
    for (const { group, fence } of groups) {
      if (fence === null) this.#fences.delete(group);
      else if (this.#fences.get(group)?.order !== fence.order) void this.#begin(group, fence);
    }
  }

  /** What is under way has failed. */
  end(): void {
    for (const running of this.#running) running.signal("SIGKILL");
  }

  async #begin(group: string, ordered: FenceOrder): Promise<void> {
    const { order, node, command } = ordered;
    const fence: Fence = { order, outcome: null };
    this.#fences.set(group, fence);
    // Names become paths, and a node takes no report with others.
    if (!isName(group)) return this.#parts.log(`no fence for ${JSON.stringify(group)}, which is no group's name`);
    this.#parts.log(`fences ${node} for ${group}: ${command.join(" ")}`);
    const { exitStatus, why } = await this.#run(group, ordered);
    this.#parts.log(`the fence of ${node} ended with ${exitStatus}${why === "" ? "" : `: ${why}`}`);
    fence.outcome = { group, order, exitStatus, why: shortened(why) };
    this.#parts.ended();
  }

  async #run(group: string, { node, epoch, command, timeoutMs }: FenceOrder): Promise<Ended> {
    const { allow, environment, stderrFile } = this.#parts;
    const refusal = refuseProgram(allow, command) ?? this.#refuseMore();
    if (refusal !== null) return { exitStatus: withoutStatus, why: refusal };
    const [file = "", ...args] = command;
    const told = { BAILIWICK_GROUP: group, BAILIWICK_NODE: node, BAILIWICK_EPOCH: String(epoch) };
    const running = execute({ file, args, environment: { ...environment, ...told }, timeoutMs }, stderrFile(group));
    this.#running.add(running);
    const outcome = await running.ended;
    this.#running.delete(running);
    return endOf(outcome, timeoutMs);
  }

  #refuseMore(): string | null {
    const { fencesMax } = agentLimits;
    return this.#running.size < fencesMax ? null : `${fencesMax} fences are under way here already; nothing was run`;
  }
}

type Ended = Pick<FenceOutcome, "exitStatus" | "why">;

/** Whatever it had done when its time was over: it did not say that it was done. */
function endOf({ exitStatus, isExecuted, isLate, why }: ActionOutcome, timeoutMs: number): Ended {
  if (isLate) return { exitStatus: withoutStatus, why: `It took longer than ${timeoutMs} ms, and was killed` };
  return { exitStatus: isExecuted ? (exitStatus ?? withoutStatus) : withoutStatus, why };
}
