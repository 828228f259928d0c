// Watches of the client library over real processes that are killed again and again: each resumes by itself on another node, and
// is told every event that it wants, in order, whole revisions, once (F2).

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Client, DbError, UnreachableError, type WatchedEvent, type WatchOptions } from "../../client/index.ts";
import { TestCluster } from "./support/test-cluster.ts";
import { waitFor } from "./support/wait.ts";

const group = "orders";
/** The last one owns nothing: an owner serves the watches through it. */
const clusterFile = `name: watches
nodes: [{name: n1}, {name: n2}, {name: n3}, {name: n4}]
groups: [{name: ${group}, owners: [n1, n2, n3]}]
`;
const writers = 3;
const keysOfEach = 20;
const putsAtOnce = 5;
const eventsMin = 1_500;
const failOvers = 3;
const timeoutMs = 20_000;
const waitMs = 30_000;

const cluster = await TestCluster.create({ name: "watches", clusterFile });
await cluster.start();

const wishes: readonly WatchOptions[] = [
  {},
  { previous: true },
  { keys: { prefix: "key/1" } },
  { without: ["put"] },
  { without: ["delete"], keysOnly: true },
  { initial: true },
];

test("watches lose nothing and repeat nothing while the group's manager is killed", async (t) => {
  await cluster.client().put(group, { key: "key/0-0", value: "first" });
  const stop = new AbortController();
  const load = new Load();
  const readers = wishes.map((wish, at) => new Reader(wish, cluster.client(rotated(cluster.nodes, at))));
  const reading = readers.map((reader) => reader.read(stop.signal));
  try {
    await waitFor("all to stand", waitMs, () => readers.every(({ starts }) => starts > 0) || null);
    await failOver(load);
    const all = await everything(cluster.client());
    const newest = all.at(-1)?.revision ?? 0;
    await waitFor("all to be told", waitMs, () => readers.every(({ revision }) => revision >= newest) || null);
    assert.ok(all.length >= eventsMin, `${all.length} events`);
    for (const reader of readers) assertTold(reader, all);
    const breaks = readers.reduce((sum, { starts }) => sum + starts - 1, 0);
    assert.ok(breaks >= failOvers, `${breaks} broken streams`);
    t.diagnostic(`${all.length} events, ${breaks} broken streams`);
  } finally {
    load.isOver = true;
    stop.abort();
    await Promise.all(reading);
  }
});

/** The manager is killed again and again while clients write. */
async function failOver(load: Load): Promise<void> {
  const writing = Array.from({ length: writers }, (_, at) => load.write(at));
  for (let killed = 0; killed < failOvers; killed++) {
    await waitFor("its share of events", waitMs, () => load.events * failOvers >= eventsMin * (killed + 1) || null);
    await replaceManager();
  }
  load.isOver = true;
  await Promise.all(writing);
}

class Load {
  /** That were acknowledged. */
  events = 0;
  isOver = false;

  async write(at: number): Promise<void> {
    const client = cluster.client(rotated(cluster.nodes, at));
    for (let count = 0; !this.isOver; count++) {
      const keys = Array.from({ length: putsAtOnce }, (_, put) => `key/${at}-${(count + put) % keysOfEach}`);
      const success = keys.map((key, put) => ({ put: { key, value: `${count}.${put}` } }));
      try {
        if (count % 4 === 3) this.events += (await client.delete(group, { key: keys[0] as string })).deleted;
        else this.events += (await client.transact({ group, success }, { timeoutMs })).results.length;
      } catch (reason) {
        // What became of it is told by what is there in the end.
        if (!(reason instanceof DbError) && !(reason instanceof UnreachableError)) throw reason;
      }
    }
  }
}

class Reader {
  readonly wish: WatchOptions;
  readonly events: WatchedEvent[] = [];
  /** Of what existed. */
  readonly existing: string[] = [];
  /** Messages by their first and last revision. */
  readonly spans: (readonly [first: number, last: number])[] = [];
  starts = 0;
  revision = 0;
  begunAt = 0;
  readonly #client: Client;

  constructor(wish: WatchOptions, client: Client) {
    this.wish = wish;
    this.#client = client;
  }

  async read(signal: AbortSignal): Promise<void> {
    for await (const notice of this.#client.watch(group, { ...this.wish, signal })) {
      if (notice.type === "started") {
        if (this.starts === 0) this.begunAt = notice.revision;
        this.starts += 1;
      }
      if (notice.type === "initial") {
        this.existing.push(...notice.events.map(({ keyValue }) => textOf(keyValue.key)));
        this.begunAt = notice.revision;
      }
      if (notice.type === "events") {
        this.events.push(...notice.events);
        this.spans.push([notice.events[0]?.revision ?? 0, notice.events.at(-1)?.revision ?? 0]);
      }
      if ("revision" in notice) this.revision = Math.max(this.revision, notice.revision);
    }
  }
}

/** The manager dies, another one serves, and it is back. */
async function replaceManager(): Promise<void> {
  const manager = await managerOtherThan("");
  await cluster.kill(manager);
  await managerOtherThan(manager);
  await cluster.start(manager);
}

/** Waits for one: nobody is it while an owner that is back takes over again. */
async function managerOtherThan(before: string): Promise<string> {
  const { value } = await waitFor("another manager", waitMs, async () => {
    const { manager } = (await cluster.client(cluster.running).group(group)).group;
    return manager === before ? null : manager || null;
  });
  return value;
}

/** All events from the first on, as one owner tells them at the end. */
async function everything(client: Client): Promise<readonly WatchedEvent[]> {
  const all: WatchedEvent[] = [];
  const { header } = await client.put(group, { key: "last", value: "" });
  for await (const notice of client.watch(group, { fromRevision: 1, previous: true })) {
    if (notice.type === "events") all.push(...notice.events);
    if ("revision" in notice && notice.revision >= header.revision) return all;
  }
  return all;
}

function assertTold(reader: Reader, all: readonly WatchedEvent[]): void {
  const { wish, events, begunAt, existing, spans } = reader;
  const wanted = all.filter((event) => event.revision > begunAt && isWanted(wish, event));
  const texts = (list: readonly WatchedEvent[]) => list.map((event) => textOfEvent(event, wish));
  assert.deepEqual(texts(events), texts(wanted), JSON.stringify(wish));
  assert.ok(events.length > 0);
  // An owner tells what existed as far as it has come.
  const early = all.filter((event) => event.revision <= begunAt).map(({ keyValue }) => textOf(keyValue.key));
  if (wish.initial === true) assert.deepEqual(existing, early);
  let before = 0;
  for (const [first, last] of spans) {
    assert.ok(first > before, `revision ${first} came in two notices`);
    before = last;
  }
}

function isWanted({ keys, without = [] }: WatchOptions, { type, keyValue }: WatchedEvent): boolean {
  const prefix = keys !== undefined && "prefix" in keys ? String(keys.prefix) : "";
  return textOf(keyValue.key).startsWith(prefix) && !without.includes(type);
}

function textOfEvent({ type, revision, keyValue, previous }: WatchedEvent, wish: WatchOptions): string {
  const value = wish.keysOnly === true ? "" : textOf(keyValue.value);
  const before = wish.previous === true && previous !== null ? textOf(previous.value) : "";
  return `${revision} ${type} ${textOf(keyValue.key)}=${value} before ${before}`;
}

function rotated<Item>(items: readonly Item[], by: number): readonly Item[] {
  return items.map((_, at) => items[(at + by) % items.length] as Item);
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
