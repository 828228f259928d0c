// A node's data directory: opened, checked to belong to this node of this cluster, begun at the first start, and marked with
// the number of this start before the node does anything.

import { mkdir } from "node:fs/promises";
import { DbError, failure } from "../proto/errors.ts";
import { type BootNumber, type ClusterId, toBootNumber } from "../proto/ids.ts";
import { HardStateFile } from "../storage/hard-state-file.ts";
import { rangeAfter } from "../storage/keys.ts";
import { LevelStore } from "../storage/level-store.ts";
import { NodeStore } from "../storage/node-store.ts";
import type { KeyRange, Operation, Row, ScanOutcome } from "../storage/ordered-store.ts";
import { decideBoot } from "./adapters/decide-boot.ts";
import { type NodeKey, recordBoot } from "./adapters/node-key.ts";
import type { NodeConfig } from "./config/node-file.ts";
import { rowsDirectory } from "./data-directory.ts";
import { bootOperations, genesisOperations } from "./node/genesis.ts";
import { type NodeImage, readNode, type Stored } from "./node/image.ts";

const pageLimits = { rowsMax: 10_000, bytesMax: 4 * 1024 * 1024 };

export interface NodeDisk {
  readonly store: NodeStore;
  readonly image: NodeImage;
}

/**
 * Opens the directory and begins a start of the node.
 *
 * @throws {DbError} `condition_failed` for a directory or key of another node or cluster, or held by another process;
 *   `corrupt` for damage. Nothing is changed then.
 */
export async function openNodeDisk(config: NodeConfig, key: NodeKey): Promise<NodeDisk> {
  const { dataDirectory, keyFile, bootstrap } = config;
  refuseForeignKey(config, key);
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  const rows = await LevelStore.open(rowsDirectory(dataDirectory));
  const store = new NodeStore({ rows, hardState: await HardStateFile.open(dataDirectory), defer: queueMicrotask });
  try {
    const boot = await begin(store, config, key.boot);
    await recordBoot(keyFile, boot, bootstrap.cluster);
    return { store, image: mustBeWhole(dataDirectory, await read(store)) };
  } catch (reason) {
    await new Promise<void>((resolve) => store.close(resolve));
    throw reason;
  }
}

/** Raises the boot number in the directory; the key file follows. */
async function begin(store: NodeStore, config: NodeConfig, keyBoot: BootNumber): Promise<BootNumber> {
  const { bootstrap, dataDirectory, node } = config;
  const stored = await read(store);
  const image = stored.type === "empty" ? null : mustBeWhole(dataDirectory, stored);
  if (image !== null) refuseForeignData(config, image);
  const decision = decideBoot({ keyBoot, dataBoot: image?.boot ?? toBootNumber(0) });
  const lost = decision.type === "quarantine" ? decision.reason : null;
  const { boot } = decision;
  const genesis = { bootstrap, self: node, boot, quarantine: lost };
  await write(store, image === null ? genesisOperations(genesis) : bootOperations(boot, lost));
  return boot;
}

function refuseForeignKey(config: NodeConfig, key: NodeKey): void {
  const { node, record, bootstrap, bootstrapFile, keyFile } = config;
  if (key.identity !== record.identity) {
    const message = `The key ${keyFile} has identity ${key.identity}, but ${bootstrapFile} lists ${record.identity} for ${node}`;
    throw new DbError(failure("condition_failed", message, { node, field: "keyFile" }));
  }
  if (key.cluster !== null && key.cluster !== bootstrap.cluster) {
    throw new DbError(otherCluster(`The key ${keyFile}`, key.cluster, config));
  }
}

function refuseForeignData(config: NodeConfig, image: NodeImage): void {
  const { node, bootstrap, dataDirectory } = config;
  if (image.cluster !== bootstrap.cluster) {
    throw new DbError(otherCluster(`The data directory ${dataDirectory}`, image.cluster, config));
  }
  if (image.node === node) return;
  const message = `The data directory ${dataDirectory} belongs to node ${image.node}, not to ${node}`;
  throw new DbError(failure("condition_failed", message, { node, field: "dataDir" }));
}

function otherCluster(what: string, cluster: ClusterId, { bootstrap, bootstrapFile }: NodeConfig) {
  const message =
    `${what} belongs to cluster ${cluster}, but ${bootstrapFile} describes cluster ${bootstrap.cluster}: ` +
    "use the file that the cluster was started with, or an empty data directory and a new key";
  return failure("condition_failed", message, { field: "bootstrap" });
}

function mustBeWhole(directory: string, stored: Stored): NodeImage {
  if (stored.type === "image") return stored.image;
  const reason = stored.type === "damaged" ? stored.reason : "nothing is in it";
  throw new DbError(failure("corrupt", `The data in ${directory} is damaged: ${reason}`));
}

async function read(store: NodeStore): Promise<Stored> {
  const reading = readNode(store.hardStates);
  let next = reading.next();
  while (next.done !== true) next = reading.next(await rowsOf(store, next.value));
  return next.value;
}

async function rowsOf(store: NodeStore, range: KeyRange): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (let rest = range; ; ) {
    const page = await new Promise<ScanOutcome>((resolve) => store.scan(rest, pageLimits, resolve));
    if (page.type === "failed") throw new DbError(failure("corrupt", `Cannot read the data: ${page.reason}`));
    rows.push(...page.rows);
    const last = page.rows.at(-1);
    if (!page.more || last === undefined) return rows;
    rest = rangeAfter(range, last.key);
  }
}

async function write(store: NodeStore, operations: readonly Operation[]): Promise<void> {
  const batch = { operations, hardStates: null, sync: true };
  const outcome = await new Promise<{ readonly type: string; readonly reason?: string }>((resolve) => {
    store.write(batch, resolve);
  });
  if (outcome.type === "failed") throw new DbError(failure("internal", `Cannot write the data: ${outcome.reason}`));
}
