// Three processes are stopped in order and started again, one after the other, as in a rolling upgrade, while clients write that
// repeat nothing which may have happened: no write has an unknown outcome (H4).

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Client, DbError, UnreachableError } from "../../client/index.ts";
import { TestCluster } from "./support/test-cluster.ts";
import { waitFor } from "./support/wait.ts";
import { readKeys } from "./support/writes.ts";

const clusterFile = `
name: planned-stop
nodes: [{name: n1}, {name: n2}, {name: n3}]
groups:
  - {name: orders, owners: [n1, n2, n3]}
`;
const writers = 20;
const waitMs = 30_000;

const cluster = await TestCluster.create({ name: "planned-stop", clusterFile });
await cluster.start();

class Writer {
  readonly acknowledged: string[] = [];
  readonly unknown: string[] = [];
  readonly #client: Client;
  readonly #name: number;
  isOver = false;

  constructor(name: number) {
    const first = name % cluster.nodes.length;
    this.#client = cluster.client([...cluster.nodes.slice(first), ...cluster.nodes.slice(0, first)]);
    this.#name = name;
  }

  async run(): Promise<void> {
    for (let count = 0; !this.isOver; count++) await this.#write(`${this.#name}/${count}`);
  }

  async #write(key: string): Promise<void> {
    try {
      await this.#client.put("orders", { key, value: key });
      this.acknowledged.push(key);
    } catch (reason) {
      if (!(reason instanceof DbError) && !(reason instanceof UnreachableError)) throw reason;
      if (reason.effect !== "none") this.unknown.push(`${key}: ${reason.code}: ${reason.message}`);
    }
  }
}

/** Each has had another write acknowledged. */
async function untilAllHaveWritten(all: readonly Writer[]): Promise<void> {
  const before = all.map(({ acknowledged }) => acknowledged.length);
  const haveWritten = () => all.every(({ acknowledged }, at) => acknowledged.length > (before[at] ?? 0));
  await waitFor("every writer to write again", waitMs, () => haveWritten() || null);
}

test("nodes that are stopped in turn leave no write without an answer", async (t) => {
  const all = Array.from({ length: writers }, (_, at) => new Writer(at));
  const work = all.map((writer) => writer.run());
  for (const node of cluster.nodes) {
    await untilAllHaveWritten(all);
    await cluster.stop(node);
    await untilAllHaveWritten(all);
    await cluster.start(node);
  }
  await untilAllHaveWritten(all);
  for (const writer of all) writer.isOver = true;
  await Promise.all(work);
  assert.deepEqual(
    all.flatMap(({ unknown }) => unknown),
    [],
  );
  const keys = await readKeys(cluster.client(), "orders");
  const acknowledged = all.flatMap((writer) => writer.acknowledged);
  t.diagnostic(`${acknowledged.length} writes`);
  assert.deepEqual(
    acknowledged.filter((key) => !keys.has(key)),
    [],
  );
});
