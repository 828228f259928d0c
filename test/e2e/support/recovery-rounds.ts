// Rounds against the application of one group: something of the machine that runs it is killed, stopped or asked to let go, and
// in the end exactly one application runs and everything is back.

import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import type { GroupAnswer } from "../../../client/index.ts";
import { electionBoundMs } from "../../../proto/policies.ts";
import { describeLife, type Life, uptimeMs } from "./application.ts";
import { lease, type RecoveryCluster } from "./recovery-cluster.ts";
import type { Direction } from "./recovery-site.ts";
import { waitFor } from "./wait.ts";

/** Of a loaded machine: what is measured is told, and looked at elsewhere. */
const settleMs = 90_000;
const longMs = 3 * lease.ttlMs;

export const roundNames = [
  "power lost",
  "agent stopped",
  "agent killed",
  "node killed",
  "node stopped",
  "moved",
  "manager killed",
] as const;
/** Where machines can be cut off. */
export const cutNames = ["nothing sent", "nothing received"] as const;
export type RoundName = (typeof roundNames)[number] | (typeof cutNames)[number];

export interface RoundResult {
  readonly name: RoundName;
  readonly group: string;
  /** From what was done to the start of the next application; null: none was to start. */
  readonly tookMs: number | null;
  /** Of a move: what is left of it without the application's own stop and start; null: it was none. */
  readonly beyondMs: number | null;
}

type Group = GroupAnswer["group"];

/** The one application of a group, and what its group says of it. */
interface Scene {
  readonly life: Life;
  readonly group: Group;
}

export class Rounds {
  readonly #cluster: RecoveryCluster;
  readonly #name: string;
  readonly #owners: readonly string[];

  constructor(
    cluster: RecoveryCluster,
    { name, owners }: { readonly name: string; readonly owners: readonly string[] },
  ) {
    this.#cluster = cluster;
    this.#name = name;
    this.#owners = owners;
  }

  /** Its name. */
  get group(): string {
    return this.#name;
  }

  async run(name: RoundName): Promise<RoundResult> {
    const scene = await this.settled();
    const tookMs = await this.#rounds[name](scene);
    const { life } = await this.settled();
    const beyondMs = name === "moved" && tookMs !== null ? tookMs - ownMsOf(scene.life, life) : null;
    return { name, group: this.#name, tookMs, beyondMs };
  }

  /** As {@link settle}. */
  settled(): Promise<Scene> {
    return settle(this.#cluster, { name: this.#name, owners: this.#owners });
  }

  readonly #rounds: Readonly<Record<RoundName, (scene: Scene) => Promise<number | null>>> = {
    "power lost": async ({ life }) => {
      const sinceMs = await this.#cluster.powerOff(life.node);
      const next = await this.#next(life);
      await this.#cluster.powerOn(life.node);
      return next.startMs - sinceMs;
    },
    "agent stopped": async ({ life }) => {
      this.#cluster.signalAgent(life.node, "SIGSTOP");
      const next = await this.#goneFor(life, longMs);
      this.#cluster.signalAgent(life.node, "SIGCONT");
      return next;
    },
    "agent killed": async ({ life }) => {
      await this.#cluster.killAgent(life.node);
      const next = await this.#goneFor(life, 2 * lease.ttlMs);
      this.#cluster.startAgent(life.node);
      return next;
    },
    "node killed": async ({ life }) => {
      const sinceMs = uptimeMs();
      await this.#cluster.killNode(life.node);
      const next = await this.#next(life);
      await this.#cluster.startNode(life.node);
      return next.startMs - sinceMs;
    },
    "node stopped": async ({ life }) => {
      await this.#cluster.signalNode(life.node, "SIGSTOP");
      const next = await this.#goneFor(life, longMs);
      await this.#cluster.signalNode(life.node, "SIGCONT");
      return next;
    },
    "nothing sent": ({ life }) => this.#cutOff(life, "sent"),
    "nothing received": ({ life }) => this.#cutOff(life, "received"),
    moved: ({ life }) => this.#move(life, this.#after(life.node)),
    "manager killed": (scene) => this.#killManager(scene),
  };

  /** It is over with this life within its right, and another one begins elsewhere, all within this time. */
  async #goneFor(life: Life, ms: number): Promise<number> {
    const sinceMs = uptimeMs();
    const [next] = await Promise.all([this.#next(life), delay(ms)]);
    return next.startMs - sinceMs;
  }

  async #cutOff(life: Life, direction: Direction): Promise<number> {
    this.#cluster.cut(life.node, direction);
    const tookMs = await this.#goneFor(life, longMs);
    this.#cluster.heal(life.node, direction);
    return tookMs;
  }

  #next(before: Life): Promise<Life> {
    return nextAfter(this.#cluster, before);
  }

  async #move(life: Life, to: string): Promise<number> {
    const sinceMs = uptimeMs();
    await this.#cluster.clientOf(to).moveGroup({ group: this.#name, to }, { timeoutMs: 10_000 });
    const next = await this.#next(life);
    assert.equal(next.node, to);
    return (await this.#readyMs(next)) - sinceMs;
  }

  async #readyMs(life: Life): Promise<number> {
    const { value } = await waitFor(`${describeLife(life)} to be ready`, settleMs, () => {
      this.#cluster.lives.all();
      return life.readyMs;
    });
    return value;
  }

  /** Same owner, same epoch, nothing stopped; but for an election that took longer than a right outlasts, as it rarely does. */
  async #killManager({ life, group }: Scene): Promise<number | null> {
    const { manager } = group;
    if (manager === life.node) {
      await this.#move(life, this.#after(life.node));
      return this.#killManager(await this.settled());
    }
    const sinceMs = uptimeMs();
    await this.#cluster.killNode(manager);
    await waitFor(`${this.#name} to have another manager`, settleMs, async () => {
      const client = this.#cluster.clientOf(life.node);
      const { group: now } = await client.group(this.#name, { timeoutMs: 1_000 });
      return now.manager !== "" && now.manager !== manager ? true : null;
    });
    const isLate = uptimeMs() - sinceMs > electionBoundMs;
    await delay(lease.ttlMs);
    await this.#cluster.startNode(manager);
    const after = (await this.settled()).life;
    if (isLate && after !== life) return after.startMs - sinceMs;
    assert.equal(after, life, `${describeLife(after)} instead of ${describeLife(life)}`);
    return null;
  }

  #after(node: string): string {
    return this.#owners[(this.#owners.indexOf(node) + 1) % this.#owners.length] ?? "";
  }
}

/** By their own log, milliseconds: from when the one heard that it is to stop until it had, and until the next one was ready. */
function ownMsOf(before: Life, after: Life): number {
  const { stoppingMs } = before;
  assert(stoppingMs !== null && before.hasStopped, `${describeLife(before)} has not stopped in order`);
  assert(after.readyMs !== null, `${describeLife(after)} is not ready`);
  return before.lastMs - stoppingMs + (after.readyMs - after.startMs);
}

/** What it takes to look at applications, and at what their groups say. */
type Watched = Pick<RecoveryCluster, "lives" | "living" | "clientOf">;

/** Waits until exactly one application of the group runs, where the group says, and all owners are up. */
async function settle(
  watched: Watched,
  { name, owners }: { readonly name: string; readonly owners: readonly string[] },
): Promise<Scene> {
  const { value } = await waitFor(`${name} to be settled`, settleMs, async () => {
    const { group } = await watched.clientOf(owners[0] ?? "").group(name, { timeoutMs: 2_000 });
    const [life, ...others] = watched.living(name);
    if (life === undefined || others.length > 0) throw new Error(`${others.length} others: ${told(group)}`);
    const { ownershipState, currentOwner, epoch, manager, verdicts } = group;
    const isUp = verdicts.length > 0 && verdicts.every(({ status }) => status === "up");
    const isHere = ownershipState === "online" && currentOwner === life.node && epoch === life.epoch;
    if (!isUp || !isHere || manager === "") throw new Error(`${describeLife(life)}: ${told(group)}`);
    return { life, group };
  });
  return value;
}

/** The first application that begins after another one, which must be on another node. */
async function nextAfter({ lives }: Watched, before: Life): Promise<Life> {
  const { value } = await waitFor(`an application after ${describeLife(before)}`, settleMs, () =>
    lives.of(before.group).find(({ epoch }) => epoch > before.epoch),
  );
  assert.notEqual(value.node, before.node, `${describeLife(value)} after ${describeLife(before)}`);
  return value;
}

function told({ currentOwner, epoch, ownershipState, manager, verdicts, why }: Group): string {
  const statuses = verdicts.map(({ node, status }) => `${node} ${status}`).join(", ");
  return `${ownershipState} on ${currentOwner} under ${epoch}, led by ${manager} (${statuses}): ${why}`;
}
