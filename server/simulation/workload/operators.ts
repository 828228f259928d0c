// Operators who ask for this and that at random, and in the end want everything to run: they start what they have stopped, let go
// of what they hold, and clear what has failed.

import type { GroupId, NodeId } from "../../../proto/ids.ts";
import type { GroupWish } from "../../../proto/placement.ts";
import type { Random } from "../../../proto/random.ts";
import type { GroupStatus, Reply, Request } from "../../../proto/requests.ts";
import type { World } from "../world.ts";

const budgetMs = 3_000;
const restoreStepMs = 500;

export interface OperatorsOptions {
  readonly world: World;
  readonly groups: readonly GroupId[];
  readonly random: Random;
}

export class Operators {
  readonly #options: OperatorsOptions;
  /** Nodes that may be drained. */
  readonly #drained = new Set<NodeId>();
  #isOver = false;

  constructor(options: OperatorsOptions) {
    this.#options = options;
  }

  /** And sometimes only asks why it is as it is. @returns how many wishes were sent */
  wish(): number {
    const { groups, random } = this.#options;
    const group = random.pick(groups);
    const wish = this.#drawWish(random.between(1, 100), random);
    const request =
      wish === null ? ({ type: "explainGroup", group, decisions: 10 } as const) : wishRequest(group, wish);
    return this.#send(request, () => {}) ? 1 : 0;
  }

  drain(forMs: number): number {
    const { world, random } = this.#options;
    const { node } = random.pick(world.nodes);
    this.#drained.add(node);
    if (!this.#sendDrain(node, "drained", () => {})) return 0;
    world.scheduler.after(forMs, () => {
      if (!this.#isOver) this.#sendDrain(node, "none", () => {});
    });
    return 1;
  }

  /** All nodes run and every group has a quorum. @returns what is not as wanted after so long; null: everything is */
  restore(msMax: number): string | null {
    this.#isOver = true;
    const { world, groups } = this.#options;
    // What was asked for before has its end.
    world.runFor(budgetMs + restoreStepMs);
    const untilMs = world.nowMs + msMax;
    const undrained = new Set<NodeId>();
    const right = new Set<GroupId>();
    let missing = "nobody has asked";
    for (;;) {
      for (const node of this.#drained) {
        if (undrained.has(node)) continue;
        this.#sendDrain(node, "none", (reply) => {
          if (reply?.type === "drainNode" && reply.unreachable.length === 0) undrained.add(node);
          else missing = `${node} is not undrained: ${JSON.stringify(reply)}`;
        });
      }
      for (const group of groups) {
        if (right.has(group)) continue;
        this.#send({ type: "groupStatus", group }, (reply) => {
          if (reply?.type !== "groupStatus") missing = `${group} does not answer: ${JSON.stringify(reply)}`;
          else if (this.#restoreGroup(group, reply.status)) right.add(group);
          else missing = `${group} is not as operators want it: ${JSON.stringify(reply.status.placement.intent)}`;
        });
      }
      world.runFor(restoreStepMs);
      if (right.size === groups.length && undrained.size === this.#drained.size) return null;
      if (world.nowMs >= untilMs) return missing;
    }
  }

  /** @returns true when nothing has to be asked for */
  #restoreGroup(group: GroupId, { placement }: GroupStatus): boolean {
    const { intent, error, bans } = placement;
    const wishes: GroupWish[] = [];
    if (intent.frozen !== null) wishes.push({ type: "unfreeze" });
    else if (error !== null || bans.length > 0) wishes.push({ type: "clearError", forgetMoves: true });
    else if (!intent.isOnline) wishes.push({ type: "start", on: null });
    for (const wish of wishes) this.#send(wishRequest(group, wish), () => {});
    return wishes.length === 0;
  }

  /** What stops something is asked for less often than what lets it go on. null: nothing is wished. */
  #drawWish(kind: number, random: Random): GroupWish | null {
    const to = random.chance(0.5) ? null : random.pick(this.#options.world.nodes).node;
    if (kind <= 30) return { type: "move", to, ifEpoch: null };
    if (kind <= 34) return { type: "stop" };
    if (kind <= 55) return { type: "start", on: to };
    if (kind <= 58) return { type: "freeze", reason: "Somebody looks into it" };
    if (kind <= 75) return { type: "unfreeze" };
    return kind <= 90 ? { type: "clearError", forgetMoves: random.chance(0.5) } : null;
  }

  #sendDrain(node: NodeId, wanted: "drained" | "none", ended: (reply: Reply | null) => void): boolean {
    const reason = "Somebody works on it";
    return this.#send({ type: "drainNode", node, wanted, reason, skipUnavailable: true, validateOnly: false }, ended);
  }

  /** Through any node that runs. @returns whether there is one */
  #send(request: Request, ended: (reply: Reply | null) => void): boolean {
    const { world, random } = this.#options;
    const running = world.nodes.filter((node) => node.isRunning);
    if (running.length === 0) return false;
    random.pick(running).call(request, budgetMs, { reply: ended, watch: () => {}, lost: () => ended(null) });
    return true;
  }
}

function wishRequest(group: GroupId, wish: GroupWish): Request {
  return { type: "wish", group, wish, validateOnly: false, who: "an operator", why: "Somebody wants it so" };
}
