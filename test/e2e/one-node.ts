// A whole node as far as its disk goes: the one owner of its one group, so that whatever is acknowledged is on this disk or
// nowhere. Tests start it as a process, with decorators around its stores that end it, or fail, at a chosen write.
//
//   node one-node.ts '{"directory": …, "from": N, "fault": {…} | null}'
//
// It prints what it holds, then each write that was acknowledged, one a line; every line is out before anything follows.

import { existsSync, writeSync } from "node:fs";
import { join } from "node:path";
import { toClusterId, toGroupId, toIncarnation, toMillis, toNodeId } from "../../proto/ids.ts";
import type { Reply, Request, StreamRequest } from "../../proto/requests.ts";
import { createNodeKey, readNodeKey } from "../../server/adapters/node-key.ts";
import { SystemClock } from "../../server/adapters/system-clock.ts";
import { LocalCalls } from "../../server/api/local-calls.ts";
import type { NodeConfig } from "../../server/config/node-file.ts";
import { Inbox } from "../../server/inbox.ts";
import { Host } from "../../server/node/host.ts";
import { Node } from "../../server/node/node.ts";
import type { Clock } from "../../server/node/ports.ts";
import { usualReplacement } from "../../server/node/voter-replacement.ts";
import { openNodeData } from "../../server/node-data.ts";
import { emptyBytes, textOf } from "../../storage/bytes.ts";
import { HardStateFile } from "../../storage/hard-state-file.ts";
import { LevelStore } from "../../storage/level-store.ts";
import type { WriteOutcome } from "../../storage/ordered-store.ts";

/** What happens to the n-th synced write of a store, counted from 1 in each process. */
export interface Fault {
  readonly store: "level" | "hardState";
  readonly write: number;
  /** `killBefore`, `killAfter`: the process ends by SIGKILL; `fail`: the write is carried out, and reported as failed. */
  readonly what: "killBefore" | "killAfter" | "fail";
}

export interface OneNodeArguments {
  readonly directory: string;
  /** Number of its first write; the rest count on. */
  readonly from: number;
  readonly writes: number;
  readonly valueBytes: number;
  readonly fault: Fault | null;
}

type Done = (outcome: WriteOutcome) => void;

const lanes = 4;
const budgetMs = 60_000;
/** Its clock runs so much faster, so that it need not wait long to be elected by itself. */
const haste = 8;
const group = toGroupId("g");
const node = toNodeId("n1");

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

function kill(): void {
  process.kill(process.pid, "SIGKILL");
}

/** @returns what is to be called instead of `done` */
function atSyncedWrite(store: Fault["store"], fault: Fault | null, count: number, done: Done): Done {
  if (fault === null || fault.store !== store || fault.write !== count) return done;
  if (fault.what === "killBefore") kill();
  if (fault.what === "killAfter") return kill;
  return () => done({ type: "failed", reason: "EIO: i/o error, fdatasync" });
}

/** Around the stores as the node opens them. */
function decorate(fault: Fault | null): void {
  const counts = { level: 0, hardState: 0 };
  const level = LevelStore.prototype.write;
  LevelStore.prototype.write = function write(operations, sync, done) {
    counts.level += sync ? 1 : 0;
    level.call(this, operations, sync, sync ? atSyncedWrite("level", fault, counts.level, done) : done);
  };
  const hardState = HardStateFile.prototype.write;
  HardStateFile.prototype.write = function write(table, done) {
    counts.hardState += 1;
    hardState.call(this, table, atSyncedWrite("hardState", fault, counts.hardState, done));
  };
}

function hasty(clock: Clock): Clock {
  return {
    nowMs: () => toMillis(clock.nowMs() * haste),
    setTimer: (atMs, fire) => clock.setTimer(atMs === null ? null : toMillis(atMs / haste), fire),
    defer: (run) => clock.defer(run),
  };
}

async function configOf(directory: string): Promise<NodeConfig> {
  const keyFile = join(directory, "node.key");
  const { identity } = existsSync(keyFile) ? await readNodeKey(keyFile) : await createNodeKey(keyFile);
  const address = { host: "127.0.0.1", port: 1 };
  const record = { node, identity, peerAddress: "127.0.0.1:1", apiAddress: "127.0.0.1:1", labels: [], capacity: [] };
  const object = { group, incarnation: toIncarnation(1), owners: [node], config: emptyBytes };
  const cluster = toClusterId("0".repeat(32));
  return {
    node,
    record,
    bootstrap: {
      name: "one",
      cluster,
      nodes: [record],
      groups: [object],
      voters: [node],
      leaseRead: null,
      voterReplacement: usualReplacement,
    },
    bootstrapFile: "cluster.yaml",
    dataDirectory: join(directory, "data"),
    keyFile,
    listen: { peer: address, api: address },
    logLevel: "info",
    diskFreeBytesMin: 0,
    groupsBytesMax: 2 ** 30,
  };
}

async function start(directory: string): Promise<LocalCalls> {
  const config = await configOf(directory);
  const { store, image } = await openNodeData(config, await readNodeKey(config.keyFile));
  if (image.quarantine !== null) throw new Error(`quarantined: ${image.quarantine}`);
  const inbox = new Inbox();
  const calls = new LocalCalls((input) => inbox.deliver(input));
  const fatal = (reason: Error) => {
    say(`fatal ${reason.message}`);
    process.exit(1);
  };
  const network = { send: () => {}, publish: () => {}, configure: () => {} };
  const ports = {
    clock: hasty(new SystemClock()),
    disk: store,
    network,
    answers: calls,
    journal: { note: () => {} },
    fatal,
  };
  inbox.open(new Host(ports, new Node({ image, seed: process.pid, wallOffsetMs: 0 })));
  return calls;
}

async function ask<Type extends Reply["type"]>(
  calls: LocalCalls,
  request: Exclude<Request, StreamRequest>,
  type: Type,
) {
  const reply = await calls.call(request, { budgetMs });
  if (reply.type !== type) throw new Error(`${request.type}: ${JSON.stringify(reply)}`);
  return reply as Extract<Reply, { type: Type }>;
}

/** Every key with its value. */
async function holdings(calls: LocalCalls): Promise<Record<string, string>> {
  const held: Record<string, string> = {};
  for (let start: Uint8Array = emptyBytes; ; ) {
    const span = { start, end: null };
    const list = {
      type: "list",
      group,
      span,
      limit: 1000,
      revision: null,
      consistency: "linearizable",
      keysOnly: false,
      countOnly: false,
      continues: false,
    };
    const { kvs, more } = await ask(calls, list as Extract<Request, { type: "list" }>, "list");
    for (const { key, value } of kvs) held[textOf(key)] = `${value.length} ${textOf(value).slice(0, 16)}`;
    const last = kvs.at(-1);
    if (!more || last === undefined) return held;
    start = Buffer.concat([last.key, Buffer.from([0])]);
  }
}

async function main({ directory, from, writes, valueBytes, fault }: OneNodeArguments): Promise<void> {
  decorate(fault);
  const calls = await start(directory);
  say(`held ${JSON.stringify(await holdings(calls))}`);
  let next = from;
  const lane = async () => {
    while (next < from + writes) {
      const number = next++;
      const value = Buffer.alloc(valueBytes, `${number} `);
      const put = {
        type: "put",
        group,
        key: Buffer.from(`k/${number}`),
        value,
        lease: 0,
        ifModRevision: null,
        fence: null,
      };
      await ask(calls, { ...put, returnPrevious: false } as Extract<Request, { type: "put" }>, "put");
      say(`acked ${number}`);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  say("end");
  process.exit(0);
}

await main(JSON.parse(process.argv[2] ?? "") as OneNodeArguments);
