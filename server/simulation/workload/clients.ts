// Clients that read and write unique values through any node, one operation at a time each, and never try again, unless under
// an identity: what a history shows is what the nodes did.

import type { GroupId, NodeId, Revision } from "../../../proto/ids.ts";
import { toRevision } from "../../../proto/ids.ts";
import type { KeySpan } from "../../../proto/model.ts";
import type { Random } from "../../../proto/random.ts";
import type { GroupRequest } from "../../../proto/requests.ts";
import { bytesOf } from "../../../storage/bytes.ts";
import type { WorkloadOptions } from "../run-options.ts";
import type { World } from "../world.ts";
import type { History, Operation } from "./history.ts";
import type { Insistence } from "./insistence.ts";

/** Beyond its budget a node has this long to answer: what a turn and a pause of the machine may take. */
const answerSlackMs = 250;
/** A client that was not answered at all gives up after this and goes on. */
const givesUpMs = 3_000;

const burstPuts = 15;
const rivalsShare = 0.8;

/** All keys that these clients write; there are others. */
const wholeSpan: KeySpan = { start: bytesOf("key-"), end: bytesOf("key.") };

interface ClientsOptions {
  readonly world: World;
  readonly groups: readonly GroupId[];
  readonly workload: WorkloadOptions;
  readonly history: History;
  readonly random: Random;
  /** null: nobody asks twice. */
  readonly insistence: Insistence | null;
}

export class Clients {
  readonly #options: ClientsOptions;
  #isStopped = true;
  /** Grows with each start: a client of an earlier one thinks no further. */
  #generation = 0;
  #lastValue = 0;

  constructor(options: ClientsOptions) {
    this.#options = options;
  }

  start(): void {
    const { workload, random } = this.#options;
    this.#options.insistence?.start();
    this.#isStopped = false;
    this.#generation += 1;
    for (let client = 0; client < workload.clients; client++) this.#think(client, random.fork());
  }

  /** Operations under way go on; no client begins another until the next start. */
  stop(): void {
    this.#options.insistence?.stop();
    this.#isStopped = true;
  }

  #think(client: number, random: Random): void {
    const { world, workload } = this.#options;
    const delayMs = -Math.log(1 - random.fraction()) * workload.thinkMsMean;
    const generation = this.#generation;
    world.scheduler.after(delayMs, () => {
      if (!this.#isStopped && generation === this.#generation) this.#operate(client, random);
    });
  }

  #operate(client: number, random: Random): void {
    const { workload } = this.#options;
    const { group, node } = this.#place(random);
    const isBurst = random.chance(workload.burstProbability);
    const requests = isBurst ? this.#burst(group, random) : [this.#request(group, random)];
    const budgetMs = random.between(200, workload.budgetMsMax);
    let open = requests.length;
    for (const request of requests) {
      this.#send({ client, node, group, request }, budgetMs, () => {
        open -= 1;
        if (open === 0) this.#think(client, random);
      });
    }
  }

  /** Any group through any node; but while two nodes hold themselves for the leader of a group, mostly this group through them. */
  #place(random: Random): { readonly group: GroupId; readonly node: NodeId } {
    const { world, groups } = this.#options;
    const { leaders } = world;
    const rivalled = groups.filter((group) => leaders.of(group).length > 1);
    if (rivalled.length > 0 && random.chance(rivalsShare)) {
      const group = random.pick(rivalled);
      return { group, node: random.pick(leaders.of(group)) };
    }
    return { group: random.pick(groups), node: random.pick(world.nodes).node };
  }

  #burst(group: GroupId, random: Random): readonly GroupRequest[] {
    const keys = Array.from({ length: burstPuts }, () => random.between(1, this.#options.workload.keysPerGroup));
    return keys.map((key) => this.#put(group, bytesOf(`key-${key}`), null, random));
  }

  #send(asked: Pick<Operation, "client" | "node" | "group" | "request">, budgetMs: number, ended: () => void): void {
    const { world, history } = this.#options;
    const invokedMs = world.nowMs;
    const operation = history.begin({ ...asked, invokedMs, dueMs: invokedMs + budgetMs + answerSlackMs });
    if (this.#insist(operation, budgetMs, ended)) return;
    const node = world.node(operation.node);
    if (!node.isRunning) {
      operation.outcome = { type: "failed", atMs: world.nowMs, code: "refused" };
      ended();
      return;
    }
    const call = node.call(asked.request, budgetMs, {
      reply: (reply) => {
        history.answered(operation, reply, world.nowMs);
        ended();
      },
      watch: () => {},
      lost: () => {
        history.unknown(operation, "lost", world.nowMs);
        ended();
      },
    });
    world.scheduler.at(operation.dueMs + givesUpMs, () => {
      if (operation.outcome !== null) return;
      node.cancel(call);
      history.unknown(operation, "silence", world.nowMs);
      ended();
    });
  }

  /** @returns false when the operation is to be sent as it is */
  #insist(operation: Operation, budgetMs: number, ended: () => void): boolean {
    const { node, group, request } = operation;
    const { insistence } = this.#options;
    if (insistence === null || (request.type !== "put" && request.type !== "delete")) return false;
    return insistence.send({ client: `${operation.client}`, node, group, request, budgetMs }, (outcome) => {
      operation.outcome = outcome;
      ended();
    });
  }

  #request(group: GroupId, random: Random): GroupRequest {
    const { workload } = this.#options;
    const key = bytesOf(`key-${random.between(1, workload.keysPerGroup)}`);
    const kind = random.between(1, 100);
    if (kind <= 45) return this.#put(group, key, null, random);
    if (kind <= 53) return this.#put(group, key, this.#guessRevision(group, random), random);
    if (kind <= 80) return { type: "get", group, key, revision: null, consistency: readKind(random) };
    if (kind <= 88) return deleteOf(group, random.chance(0.1) ? wholeSpan : spanOf(key));
    const page = { limit: random.pick([1, 3, 1000]), keysOnly: random.chance(0.2), countOnly: random.chance(0.1) };
    const consistency = readKind(random);
    return { type: "list", group, span: wholeSpan, revision: null, consistency, ...page, continues: false };
  }

  #put(group: GroupId, key: Uint8Array, ifModRevision: Revision | null, random: Random): GroupRequest {
    const name = `value-${++this.#lastValue}:`;
    const value = bytesOf(name.padEnd(random.between(1, this.#options.workload.valueBytesMax), "."));
    return { type: "put", group, key, value, lease: 0, ifModRevision, fence: null, returnPrevious: random.chance(0.3) };
  }

  /** 0, or a revision that some operation has seen: sometimes right, sometimes stale. */
  #guessRevision(group: GroupId, random: Random): Revision {
    const { operations } = this.#options.history;
    for (let back = 1; back <= 20; back++) {
      const outcome = operations[operations.length - back]?.outcome;
      if (outcome?.type !== "ok" || outcome.reply.type !== "put") continue;
      if (outcome.reply.header.group === group && random.chance(0.5)) return outcome.reply.header.revision;
    }
    return toRevision(0);
  }
}

function readKind(random: Random): "linearizable" | "local" {
  return random.chance(0.8) ? "linearizable" : "local";
}

function spanOf(key: Uint8Array): KeySpan {
  return { start: key, end: Uint8Array.of(...key, 0) };
}

function deleteOf(group: GroupId, span: KeySpan): GroupRequest {
  return { type: "delete", group, span, ifModRevision: null, fence: null, returnPrevious: true };
}
