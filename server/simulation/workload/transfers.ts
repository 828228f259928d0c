// Clients that move money between accounts of several groups: each looks at some accounts, in one cut, and moves what it found
// if nothing has changed meanwhile. The sum of all accounts never changes. Every value names the transaction that wrote it, so
// that the committed logs tell what became of each, on whose word it rests, and who came before whom.

import type { GroupId, NodeId } from "../../../proto/ids.ts";
import type { Random } from "../../../proto/random.ts";
import type { Reply, Request } from "../../../proto/requests.ts";
import { type Comparison, isReadOnly, type OperationResult, type Part } from "../../../proto/transactions.ts";
import { bytesOf, textOf } from "../../../storage/bytes.ts";
import type { WorkloadOptions } from "../run-options.ts";
import type { World } from "../world.ts";
import type { Outcome } from "./history.ts";
import type { Insistence } from "./insistence.ts";

type TransactRequest = Request & { readonly type: "transact" };

export interface Transaction {
  readonly id: number;
  readonly node: NodeId;
  readonly request: TransactRequest;
  readonly invokedMs: number;
  /** null: still open */
  outcome: Outcome | null;
}

/** Of an account that nobody has written yet. */
export const openingBalance = 100;
export const accountPrefix = "account-";

const accountsPerGroup = 2;
/** In one transaction. */
const accountsMax = 5;
const budgetMsMax = 6_000;
const answerSlackMs = 3_000;
/** Share of the transfers that only look. */
const looksShare = 0.3;

/** Than those who read and write single keys. */
const transfersThinkLonger = 3;

interface TransfersOptions {
  readonly world: World;
  readonly groups: readonly GroupId[];
  readonly random: Random;
  readonly workload: WorkloadOptions;
  /** null: nobody asks twice. */
  readonly insistence: Insistence | null;
}

interface Account {
  readonly group: GroupId;
  readonly key: string;
}

interface Balance extends Account {
  readonly balance: number;
  readonly modRevision: number;
}

export class Transfers {
  readonly #world: World;
  readonly #random: Random;
  readonly #insistence: Insistence | null;
  readonly #accounts: readonly Account[];
  readonly #clients: number;
  readonly #thinkMsMean: number;
  readonly transactions: Transaction[] = [];
  #isStopped = true;
  #generation = 0;

  constructor({ world, groups, random, workload, insistence }: TransfersOptions) {
    this.#insistence = insistence;
    this.#world = world;
    this.#random = random;
    this.#clients = groups.length < 2 ? 0 : workload.transfers;
    this.#thinkMsMean = transfersThinkLonger * workload.thinkMsMean;
    const numbers = Array.from({ length: accountsPerGroup }, (_, at) => at + 1);
    this.#accounts = groups.flatMap((group) => numbers.map((at) => ({ group, key: `${accountPrefix}${at}` })));
  }

  start(): void {
    this.#insistence?.start();
    this.#isStopped = false;
    this.#generation += 1;
    for (let client = 0; client < this.#clients; client++) this.#think(this.#random.fork());
  }

  /** Transactions under way go on; no client begins another. */
  stop(): void {
    this.#insistence?.stop();
    this.#isStopped = true;
  }

  #think(random: Random): void {
    const generation = this.#generation;
    const delayMs = -Math.log(1 - random.fraction()) * this.#thinkMsMean;
    this.#world.scheduler.after(delayMs, () => {
      if (!this.#isStopped && generation === this.#generation) this.#look(random);
    });
  }

  /** First the balances, as of one moment. */
  #look(random: Random): void {
    const chosen = random.shuffle(this.#accounts).slice(0, random.between(2, accountsMax));
    const request = transactionOf(chosen.map((account) => ({ account, comparisons: [], operation: getOf(account) })));
    this.#send(request, random, (outcome) => {
      const isMove = outcome.type === "ok" && !random.chance(looksShare);
      if (isMove) this.#move(balancesIn(request, outcome.reply), random);
      else this.#think(random);
    });
  }

  /** What one account loses the next one gains. */
  #move(balances: readonly Balance[], random: Random): void {
    const amounts = balances.map(() => random.between(1, 10));
    const steps = balances.map((account, at) => {
      const gain = amounts.at(at - 1) as number;
      const balance = account.balance + gain - (amounts[at] as number);
      const comparisons = [unchanged(account)];
      return { account, comparisons, operation: putOf(account, this.transactions.length, balance) };
    });
    this.#send(transactionOf(steps), random, () => this.#think(random));
  }

  #send(request: TransactRequest, random: Random, ended: (outcome: Outcome) => void): void {
    const world = this.#world;
    const node = random.pick(world.nodes);
    const id = this.transactions.length;
    const transaction: Transaction = { id, node: node.node, request, invokedMs: world.nowMs, outcome: null };
    this.transactions.push(transaction);
    const end = (outcome: Outcome) => {
      if (transaction.outcome !== null) return;
      transaction.outcome = outcome;
      ended(outcome);
    };
    const budgetMs = random.between(500, budgetMsMax);
    if (this.#insist({ node: node.node, request, budgetMs }, end)) return;
    if (!node.isRunning) return end({ type: "failed", atMs: world.nowMs, code: "refused" });
    const call = node.call(request, budgetMs, {
      reply: (reply) => end(outcomeOf(reply, world.nowMs)),
      watch: () => {},
      lost: () => end({ type: "unknown", atMs: world.nowMs, code: "lost" }),
    });
    world.scheduler.after(budgetMs + answerSlackMs, () => {
      if (transaction.outcome !== null) return;
      node.cancel(call);
      end({ type: "unknown", atMs: world.nowMs, code: "silence" });
    });
  }

  /** @returns false when it is to be sent as it is: who only looks can look again */
  #insist({ node, request, budgetMs }: Sent, end: (outcome: Outcome) => void): boolean {
    if (this.#insistence === null || request.parts.every(isReadOnly)) return false;
    return this.#insistence.send({ client: "transfers", node, group: request.group, request, budgetMs }, end);
  }
}

interface Sent {
  readonly node: NodeId;
  readonly request: TransactRequest;
  readonly budgetMs: number;
}

/** `value` as an account's: who wrote it, and what is in it. */
export function readBalance(value: Uint8Array): { readonly writer: number; readonly balance: number } {
  const [writer, balance] = textOf(value).split(":").map(Number) as [number, number];
  return { writer, balance };
}

function outcomeOf(reply: Reply, atMs: number): Outcome {
  if (reply.type !== "failed") return { type: "ok", atMs, reply };
  const { code, effect } = reply.failure;
  return { type: effect === "unknown" ? "unknown" : "failed", atMs, code };
}

interface Step {
  readonly account: Account;
  readonly comparisons: readonly Comparison[];
  readonly operation: Part["success"][number];
}

function transactionOf(steps: readonly Step[]): TransactRequest {
  const byGroup = Map.groupBy(steps, ({ account }) => account.group);
  const parts = [...byGroup].map(([group, own]): Part => {
    const comparisons = own.flatMap((step) => step.comparisons);
    const success = own.map(({ operation }) => operation);
    return { group, comparisons, fence: null, success, failure: own.map(({ account }) => getOf(account)) };
  });
  parts.sort((left, right) => (left.group < right.group ? -1 : 1));
  return { type: "transact", group: (parts[0] as Part).group, parts };
}

function balancesIn({ parts }: TransactRequest, reply: Reply): readonly Balance[] {
  if (reply.type !== "transact") return [];
  return parts.flatMap(({ group, success }, part) =>
    success.flatMap((operation, at) => {
      const result = reply.parts[part]?.results[at] as OperationResult;
      if (operation.type !== "get" || result.type !== "get") return [];
      const key = textOf(operation.key);
      const { kv } = result;
      return {
        group,
        key,
        balance: kv === null ? openingBalance : readBalance(kv.value).balance,
        modRevision: kv?.modRevision ?? 0,
      };
    }),
  );
}

function getOf({ key }: Account): Part["success"][number] {
  return { type: "get", key: bytesOf(key) };
}

function putOf({ key }: Account, writer: number, balance: number): Part["success"][number] {
  return { type: "put", key: bytesOf(key), value: bytesOf(`${writer}:${balance}`), lease: 0, returnPrevious: false };
}

function unchanged({ key, modRevision }: Balance): Comparison {
  const operand = { type: "modRevision", number: modRevision } as const;
  return { target: { type: "key", key: bytesOf(key) }, relation: "equal", operand };
}
