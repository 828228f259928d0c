// A steady stream of writes, each through one known node and never repeated, so that its fate tells something about that
// node; and what became of each.

import { setTimeout as delay } from "node:timers/promises";
import { type Client, DbError, UnreachableError } from "../../../client/index.ts";
import type { TestCluster } from "./test-cluster.ts";

const timeoutMs = 8_000;

export interface Write {
  readonly group: string;
  readonly key: string;
  /** Node that the client was connected to. */
  readonly via: string;
  /** By `performance.now()`. */
  readonly sentMs: number;
  readonly answeredMs: number;
  /** `ok`: acknowledged. */
  readonly outcome: string;
  readonly message: string;
}

export class WriteLoad {
  readonly #clients: ReadonlyMap<string, Client>;
  readonly #groups: readonly string[];
  readonly #intervalMs: number;
  readonly #writes: Write[] = [];
  readonly #flying = new Set<Promise<void>>();
  #isStopping = false;
  #loop: Promise<void>;

  /** @param perSecond of all groups together, spread evenly over groups and nodes */
  constructor(cluster: TestCluster, groups: readonly string[], perSecond: number) {
    const retry = { attemptsMax: 1, backoffMs: 1, backoffMsMax: 1 };
    this.#clients = new Map(cluster.nodes.map((node) => [node, cluster.client([node], { retry, timeoutMs })]));
    this.#groups = groups;
    this.#intervalMs = 1_000 / perSecond;
    this.#loop = this.#run();
  }

  /** Those that were answered so far, in the order of their answers. */
  get writes(): readonly Write[] {
    return this.#writes;
  }

  /** @returns all writes, when the last has been answered */
  async stop(): Promise<readonly Write[]> {
    this.#isStopping = true;
    await this.#loop;
    await Promise.all(this.#flying);
    return this.#writes;
  }

  async #run(): Promise<void> {
    const vias = [...this.#clients.keys()];
    const startMs = performance.now();
    for (let count = 0; !this.#isStopping; count++) {
      const group = this.#groups[count % this.#groups.length] ?? "";
      // Each group comes to each node: the number of nodes and that of groups need not be coprime.
      const via = vias[(count + Math.floor(count / this.#groups.length)) % vias.length] ?? "";
      const flying = this.#write({ group, via, key: `load/${String(count).padStart(6, "0")}` });
      this.#flying.add(flying);
      void flying.then(() => this.#flying.delete(flying));
      await delay(Math.max(0, startMs + (count + 1) * this.#intervalMs - performance.now()));
    }
  }

  async #write({ group, via, key }: Pick<Write, "group" | "via" | "key">): Promise<void> {
    const sentMs = performance.now();
    const told = await this.#put(via, group, key);
    this.#writes.push({ group, key, via, sentMs, answeredMs: performance.now(), ...told });
  }

  async #put(via: string, group: string, key: string): Promise<Pick<Write, "outcome" | "message">> {
    try {
      await this.#clients.get(via)?.put(group, { key, value: key });
      return { outcome: "ok", message: "" };
    } catch (reason) {
      if (!(reason instanceof DbError) && !(reason instanceof UnreachableError)) throw reason;
      return { outcome: reason.code, message: reason.message };
    }
  }
}

export function isAcknowledged(write: Write): boolean {
  return write.outcome === "ok";
}

/** One line, for messages. */
export function describeWrite({ group, key, via, outcome, message, sentMs, answeredMs }: Write): string {
  return `${group} ${key} via ${via}: ${outcome} after ${Math.round(answeredMs - sentMs)} ms ${message}`;
}

/** Every key of a group, read linearizably. */
export async function readKeys(client: Client, group: string): Promise<ReadonlySet<string>> {
  const keys = new Set<string>();
  for await (const page of client.list(group, { prefix: "" }, { keysOnly: true })) {
    for (const { key } of page.keyValues) keys.add(Buffer.from(key).toString());
  }
  return keys;
}

const flyingMax = 256;

/** Writes that all must be acknowledged, many at a time, to keys `many/<n>`. */
export async function writeMany(
  client: Client,
  group: string,
  { writes, valueBytes }: { readonly writes: number; readonly valueBytes: number },
): Promise<void> {
  const value = Buffer.alloc(valueBytes, "v");
  let next = 0;
  const lane = async () => {
    for (let count = next++; count < writes; count = next++) {
      await client.put(group, { key: `many/${count}`, value });
    }
  };
  await Promise.all(Array.from({ length: flyingMax }, lane));
}
