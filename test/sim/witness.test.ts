// Two owners and a witness: either owner may be lost at any moment, also while the witness begins or ends to stand in, and
// the other one serves. The witness itself never does, and has nothing that it could serve from.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeId } from "../../proto/ids.ts";
import type { PeerMessage } from "../../proto/messages.ts";
import type { GroupStatus, Request } from "../../proto/requests.ts";
import { group, namesOf, Scene } from "./scene.ts";

const nodes = namesOf("a b c d e");
const [a, b] = nodes as [NodeId, NodeId];
const owners = [a, b];
const shape = { nodes, owners, voters: namesOf("c d e") };
/** From the loss of an owner to an acknowledged write and a read. */
const serveMsMax = 5_000;
/** From the return of an owner until the group goes without its witness. */
const levelMsMax = 10_000;

/** How long the owner that is lost first stays away, and how long it is watched when it is back. */
const awayMs = 2_500;
const backMs = 1_500;
const momentsMs = Array.from({ length: 12 }, (_, at) => at * 100);

class Pair extends Scene {
  readonly witness: NodeId;

  constructor(seed: number) {
    super(seed, shape);
    this.until("A witness", () => witnessIn(this.status()) !== null, 5_000);
    this.witness = witnessIn(this.status()) as NodeId;
  }

  status(): GroupStatus | null {
    const owner = owners.find((each) => this.node(each).isRunning) as NodeId;
    const asked = this.ask(owner, { type: "groupStatus", group }, "groupStatus");
    this.runFor(1);
    return asked.answer?.status ?? null;
  }

  lose(owner: NodeId): void {
    if (this.node(owner).isRunning) this.node(owner).crash("power");
  }

  restart(): void {
    for (const { isRunning, node } of this.testbed.world.nodes) if (!isRunning) this.node(node).start();
  }

  /** A client's write and a read that begin from now on are answered in time. */
  mustServe(what: string, withinMs = serveMsMax): void {
    const { length } = this.testbed.history.operations;
    const isServed = (type: "put" | "get") => {
      const begun = this.testbed.history.operations.slice(length);
      return begun.some(({ request, outcome }) => request.type === type && !isLocal(request) && outcome?.type === "ok");
    };
    this.until(`A write ${what}`, () => isServed("put"), withinMs);
    this.until(`A read ${what}`, () => isServed("get"), withinMs);
  }

  /** Both owners hold everything, and count alone. */
  mustLevel(): void {
    const isLevel = () => {
      const status = this.status();
      return status !== null && status.manager !== null && !status.isDegraded && status.replicas.every(isReplicating);
    };
    this.until("Both owners alone", isLevel, levelMsMax);
  }

  /** Nothing acknowledged is lost, and the witness has only ever passed calls on. */
  mustHoldAll(): void {
    assert.ok(this.compare(owners) > 0);
    const answered = this.testbed.history.operations.flatMap(({ node, outcome }) => {
      return outcome?.type === "ok" && "header" in outcome.reply ? [{ node, by: outcome.reply.header.node }] : [];
    });
    assert.ok(answered.some(({ node }) => node === this.witness));
    for (const { by } of answered) assert.ok(owners.includes(by), `${by} serves`);
    this.runFor(2_000);
    this.checkScope(owners);
  }
}

function isLocal(request: Request): boolean {
  return request.type === "get" && request.consistency === "local";
}

function isReplicating({ state }: { readonly state: string }): boolean {
  return state === "replicate" || state === "witness";
}

function witnessIn(status: GroupStatus | null): NodeId | null {
  if (status === null || status.membership.target !== null) return null;
  return status.membership.voters.find(({ isWitness }) => isWitness)?.node ?? null;
}

function otherThan(owner: NodeId): NodeId {
  return owner === a ? b : a;
}

for (const lost of owners) {
  test(`the other owner serves when ${lost} is lost at any moment, and ${lost} does when that one is lost afterwards`, () => {
    for (const momentMs of momentsMs) {
      const scene = new Pair(1);
      scene.runFor(momentMs);
      scene.lose(lost);
      scene.mustServe(`without ${lost}, lost at ${momentMs} ms`);
      scene.runFor(momentMs);
      scene.restart();
      scene.mustLevel();
      // Until the end of the stand-in is in the log of the owner that was away, the other one alone can lead.
      scene.runFor(500);
      scene.lose(otherThan(lost));
      scene.mustServe(`without ${otherThan(lost)}, ${lost} being back since ${momentMs} ms`);
      scene.restart();
      scene.mustLevel();
      scene.mustHoldAll();
    }
  });
}

/** Whether the message has to do with the beginning or the end of a stand-in. */
function isOfStandIn(message: PeerMessage): boolean {
  return message.type === "raft" && (message.message.type === "standIn" || message.message.type === "standInReply");
}

/** When the second one is lost: at a step of the stand-in, or so long after the first. */
interface Second {
  readonly at: { readonly step: number } | { readonly afterMs: number };
  readonly victim: NodeId;
}

/** One owner is lost and comes back; the second is lost meanwhile, or none. @returns steps of the stand-in */
function loseTwo(lost: NodeId, second: Second | null): number {
  const scene = new Pair(2);
  const { world } = scene.testbed;
  let steps = 0;
  const step = () => {
    const isNow = second !== null && "step" in second.at && second.at.step === steps;
    if (isNow) world.scheduler.after(0, () => scene.lose(second.victim));
    steps += 1;
  };
  world.observe({
    left: (_from, _to, message) => {
      if (isOfStandIn(message)) step();
    },
    stepped: (_node, input) => {
      if (input.type === "peer" && isOfStandIn(input.envelope.message)) step();
    },
  });
  scene.lose(lost);
  if (second !== null && "afterMs" in second.at) {
    world.scheduler.after(second.at.afterMs, () => scene.lose(second.victim));
  }
  scene.runFor(awayMs);
  if (!scene.node(lost).isRunning) scene.node(lost).start();
  scene.runFor(backMs);
  const counted = steps;
  scene.restart();
  scene.mustServe("with everybody back", levelMsMax);
  scene.mustLevel();
  scene.mustHoldAll();
  return counted;
}

function mustLoseTwo(lost: NodeId, second: Second): void {
  try {
    loseTwo(lost, second);
  } catch (reason) {
    const what = `${lost} is lost, then ${second.victim} at ${JSON.stringify(second.at)}`;
    throw new Error(`${what}: ${(reason as Error).message}`, { cause: reason });
  }
}

test("nothing is lost when an owner goes down at a step of the stand-in that the loss of another has begun", () => {
  for (const lost of owners) {
    const steps = loseTwo(lost, null);
    assert.ok(steps >= 4, `${steps} steps`);
    for (let step = 0; step < steps; step++) mustLoseTwo(lost, { at: { step }, victim: otherThan(lost) });
  }
});

test("nothing is lost when an owner goes down at any moment while the other one is away or has just come back", () => {
  for (const lost of owners) {
    for (let afterMs = 0; afterMs < awayMs + backMs; afterMs += 100) {
      mustLoseTwo(lost, { at: { afterMs }, victim: otherThan(lost) });
    }
  }
});

test("a manager that hears nobody has the witness stand in with nobody, so that the other owner serves", () => {
  for (let seed = 1; seed <= 12; seed++) {
    const scene = new Pair(seed);
    scene.runFor(100 * seed);
    const deaf = scene.status()?.manager as NodeId;
    const { connections } = scene.testbed.world.network;
    for (const node of nodes) if (node !== deaf) connections.block(node, deaf);
    scene.runFor(3_000);
    scene.mustServe(`while ${deaf} is deaf, seed ${seed}`, 10_000);
    connections.unblockAll();
    scene.mustLevel();
    scene.mustHoldAll();
  }
});
