// Requests under identities: what ended without a clear answer is asked for again, through any node, and some of it although the
// answer is there. Whoever asked is told once; all clear answers to one identity must say the same.

import type { Failure } from "../../../proto/errors.ts";
import type { GroupId, NodeId } from "../../../proto/ids.ts";
import type { Random } from "../../../proto/random.ts";
import type { IdentifiableRequest, Reply } from "../../../proto/requests.ts";
import type { RequestIdentity } from "../../../proto/sessions.ts";
import type { SimNode } from "../sim-node.ts";
import { demand } from "../violation.ts";
import type { World } from "../world.ts";
import type { Outcome } from "./history.ts";

const attemptsMax = 8;
const pauseMsMax = 1_500;
/** Longer than the shortest session lives. */
const longPauseMs = 14_000;
const longPauseShare = 0.1;
/** Of the requests that are sent through two nodes at once. */
const doubledShare = 0.2;
/** Of the answers that are asked for again. */
const repeatedShare = 0.4;
const givesUpMs = 3_250;
const openBudgetMs = 2_000;
const ttlsMs = [10_000, 10_000, 60_000, 3_600_000];

/** The request was carried out, or refused, when its turn came: so it stays. */
const final: ReadonlySet<string> = new Set(["condition_failed", "fenced", "txn_conflict", "already_exists"]);
/** Named by a refusal of a lease that is not there. */
const leaseField = "lease";

interface Asked {
  /** Each has sessions of its own. */
  readonly client: string;
  readonly node: NodeId;
  readonly group: GroupId;
  readonly request: IdentifiableRequest;
  readonly budgetMs: number;
}

interface Task extends Asked {
  readonly identity: RequestIdentity;
  readonly ended: (outcome: Outcome) => void;
  attempts: number;
  /** The next attempt has not begun yet. */
  isWaiting: boolean;
  /** Some attempt may have been carried out. */
  isInDoubt: boolean;
  /** The first clear answer. */
  verdict: string | null;
  isOver: boolean;
}

interface Session {
  readonly name: string;
  sequence: number;
}

export class Insistence {
  readonly #world: World;
  readonly #random: Random;
  readonly #sessions = new Map<string, Session>();
  readonly #open = new Set<Task>();
  #isStopped = false;

  constructor(world: World, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  start(): void {
    this.#isStopped = false;
  }

  /** Nothing is asked for again until the next start; what waits for its turn ends as it stands. */
  stop(): void {
    this.#isStopped = true;
    for (const task of [...this.#open]) if (task.isWaiting) this.#end(task, this.#unclear("stopped"));
  }

  /** @returns false when there is no session yet: then it is not sent, and one is opened */
  send(asked: Asked, ended: (outcome: Outcome) => void): boolean {
    const session = this.#sessions.get(nameOf(asked));
    if (session === undefined) {
      this.#openSession(asked);
      return false;
    }
    session.sequence += 1;
    const identity = { session: session.name, sequence: session.sequence };
    const isDoubled = this.#random.chance(doubledShare);
    const fresh = { attempts: 0, isWaiting: false, isInDoubt: isDoubled, verdict: null, isOver: false };
    const task = { ...asked, identity, ended, ...fresh };
    this.#open.add(task);
    this.#attempt(task, this.#world.node(asked.node));
    if (isDoubled) this.#repeat(task);
    return true;
  }

  #openSession(asked: Asked): void {
    const ttlMs = this.#random.pick(ttlsMs);
    const node = this.#world.node(asked.node);
    if (!node.isRunning) return;
    const take = (reply: Reply) => {
      if (reply.type !== "openSession") return;
      this.#sessions.set(nameOf(asked), { name: reply.session, sequence: reply.sequence });
    };
    const request = { type: "openSession", group: asked.group, session: null, ttlMs } as const;
    node.call(request, openBudgetMs, { reply: take, watch: () => {}, lost: () => {} });
  }

  #attempt(task: Task, node: SimNode): void {
    task.attempts += 1;
    task.isWaiting = false;
    if (!node.isRunning) return this.#unanswered(task, "refused", false);
    let isOpen = true;
    const close = (act: () => void) => {
      if (isOpen) act();
      isOpen = false;
    };
    const call = node.call(requestOf(task), task.budgetMs, {
      reply: (reply) => close(() => this.#take(task, reply)),
      watch: () => {},
      lost: () => close(() => this.#unanswered(task, "lost", true)),
    });
    this.#world.scheduler.after(task.budgetMs + givesUpMs, () => {
      if (isOpen) node.cancel(call);
      close(() => this.#unanswered(task, "silence", true));
    });
  }

  #take(task: Task, reply: Reply): void {
    const atMs = this.#world.nowMs;
    this.#judge(task, reply);
    const isClear = verdictOf(reply) !== null;
    if (isClear && this.#random.chance(repeatedShare)) this.#later(() => this.#repeat(task));
    if (reply.type !== "failed") return this.#end(task, { type: "ok", atMs, reply });
    const { effect, details } = reply.failure;
    const isExpired = details.field === "request_id.session";
    // That a session is not there says nothing of what was asked for under it.
    const code = isExpired ? "expired" : reply.failure.code;
    if (isExpired) this.#sessions.delete(nameOf(task));
    if (effect === "none" && (!task.isInDoubt || isFinal(reply.failure)))
      return this.#end(task, { type: "failed", atMs, code });
    const isHopeless = details.field !== undefined || code === "compacted";
    if (isHopeless) return this.#end(task, this.#unclear(code));
    this.#unanswered(task, code, effect === "unknown");
  }

  #unanswered(task: Task, code: string, mayHaveHappened: boolean): void {
    task.isInDoubt ||= mayHaveHappened;
    const atMs = this.#world.nowMs;
    if (!task.isInDoubt) return this.#end(task, { type: "failed", atMs, code });
    if (this.#isStopped || task.attempts >= attemptsMax) return this.#end(task, this.#unclear(code));
    task.isWaiting = true;
    this.#later(() => {
      if (!task.isOver) this.#attempt(task, this.#anyNode());
    });
  }

  #anyNode(): SimNode {
    return this.#world.node(this.#random.pick(this.#world.nodes).node);
  }

  /** Once more, for nobody. */
  #repeat(task: Task): void {
    const node = this.#anyNode();
    if (this.#isStopped || !node.isRunning) return;
    const reply = (answer: Reply) => this.#judge(task, answer);
    node.call(requestOf(task), task.budgetMs, { reply, watch: () => {}, lost: () => {} });
  }

  #judge(task: Task, reply: Reply): void {
    const verdict = verdictOf(reply);
    if (verdict === null) return;
    const { session, sequence } = task.identity;
    const isSame = task.verdict === null || task.verdict === verdict;
    demand(isSame, "same answer", () => {
      return `Request ${sequence} of ${session} to ${task.group} was answered ${task.verdict}, then ${verdict}`;
    });
    task.verdict = verdict;
  }

  #later(act: () => void): void {
    const isLong = this.#random.chance(longPauseShare);
    this.#world.scheduler.after(isLong ? longPauseMs : this.#random.between(1, pauseMsMax), act);
  }

  #unclear(code: string): Outcome {
    return { type: "unknown", atMs: this.#world.nowMs, code };
  }

  #end(task: Task, outcome: Outcome): void {
    task.isOver = true;
    this.#open.delete(task);
    task.ended(outcome);
  }
}

function requestOf({ group, identity, request }: Task) {
  return { type: "identified", group, identity, request } as const;
}

function nameOf({ client, group }: Asked): string {
  return `${client} ${group}`;
}

function isFinal({ code, details }: Failure): boolean {
  return final.has(code) || details.field === leaseField;
}

/** What a clear answer says, however often it is given; null: it is not clear. */
function verdictOf(reply: Reply): string | null {
  switch (reply.type) {
    case "put":
      return `put at ${reply.header.revision} before ${reply.previous?.modRevision ?? "nothing"}`;
    case "delete":
      return `delete at ${reply.header.revision} of ${reply.deleted} ${reply.previous.map((kv) => kv.modRevision)}`;
    case "transact":
      return `transact at ${reply.header.revision} ${reply.succeeded}`;
    case "grantLease":
      return `lease ${reply.lease.id} of ${reply.lease.grantedTtlMs} ms`;
    case "revokeLease":
      return `revoke at ${reply.header.revision} of ${reply.deleted}`;
    case "setOwners":
      return `owners at ${reply.index}`;
    case "failed":
      return reply.failure.effect === "none" && isFinal(reply.failure) ? reply.failure.code : null;
    default:
      return null;
  }
}
