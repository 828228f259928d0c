// A node's data directory at a start: opened, checked to be this node's and this cluster's, the start recorded in it and in
// the key, and its content read. Nothing is changed before every check has passed.

import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { DbError, failure } from "../proto/errors.ts";
import type { BootNumber } from "../proto/ids.ts";
import type { Start } from "../proto/messages.ts";
import type { HardStateTable } from "../storage/hard-state.ts";
import { HardStateFile } from "../storage/hard-state-file.ts";
import { rangeAfter } from "../storage/keys.ts";
import { LevelStore } from "../storage/level-store.ts";
import { NodeStore } from "../storage/node-store.ts";
import type { KeyRange, Operation, Row, ScanOutcome } from "../storage/ordered-store.ts";
import { decideBoot } from "./adapters/decide-boot.ts";
import { type NodeKey, recordBoot } from "./adapters/node-key.ts";
import type { NodeConfig } from "./config/node-file.ts";
import { rowsDirectory } from "./data-directory.ts";
import { bootOperations, genesisOperations, quarantineOperations } from "./node/genesis.ts";
import { type NodeImage, readNode, type Stored } from "./node/image.ts";
import { lineageWith } from "./node/lineage.ts";

const pageLimits = { rowsMax: 10_000, bytesMax: 4 * 2 ** 20 };

export interface OpenedData {
  readonly store: NodeStore;
  readonly image: NodeImage;
}

/**
 * Opens the directory and records a start. On return both records would survive a power loss.
 *
 * @throws {DbError} `condition_failed` for a directory of another node or cluster, or one that another process holds;
 *   `corrupt` when what it holds is damaged; `internal` for what the system refuses
 */
export async function openNodeData(config: NodeConfig, key: NodeKey): Promise<OpenedData> {
  await mkdir(config.dataDirectory, { recursive: true, mode: 0o700 });
  const store = await openStore(config.dataDirectory);
  try {
    return { store, image: await startOn(store, config, key) };
  } catch (reason) {
    await closeStore(store);
    throw reason;
  }
}

export function closeStore(store: NodeStore): Promise<void> {
  return new Promise((resolve) => store.close(resolve));
}

/** The lock of the level database is that of the directory: it is opened first. */
async function openStore(directory: string): Promise<NodeStore> {
  const rows = await LevelStore.open(rowsDirectory(directory));
  try {
    const hardState = await HardStateFile.open(directory);
    return new NodeStore({ rows, hardState, defer: queueMicrotask });
  } catch (reason) {
    await new Promise<void>((resolve) => rows.close(resolve));
    throw reason;
  }
}

async function startOn(store: NodeStore, config: NodeConfig, key: NodeKey): Promise<NodeImage> {
  const before = await read(store);
  if (before.type === "damaged") throw damaged(config, before.reason);
  if (before.type === "image") refuseForeign(before.image, config);
  const dataBoot = before.type === "image" ? before.image.boot : 0;
  const decision = decideBoot({ keyBoot: key.boot, dataBoot });
  const lost = before.type === "image" ? lostVotes(before.image, store) : null;
  const quarantine = decision.type === "quarantine" ? decision.reason : lost;
  const start = newStart(decision.boot);
  if (before.type === "empty") await writeGenesis(store, config, { start, quarantine });
  else await write(store, [...nextOperations(before.image, start), ...stepDown(before.image, quarantine)]);
  await recordBoot(config.keyFile, decision.boot, config.bootstrap.cluster);
  const now = await read(store);
  if (now.type !== "image") throw damaged(config, now.type === "damaged" ? now.reason : "its first rows are gone");
  return withoutReplicas(now.image);
}

/** Why the votes on record may not be the newest; null: they are. */
function lostVotes({ generation }: NodeImage, store: NodeStore): string | null {
  if (store.isNew) return "Its votes were lost: the hard state files are missing";
  if (store.generation >= generation) return null;
  return `Its votes were lost: the newest hard state that is whole has generation ${store.generation}, but ${generation} was durable`;
}

/** Drawn anew by each process, so that two starts under one number are told apart. */
function newStart(boot: BootNumber): Start {
  return { boot, nonce: randomBytes(8).toString("hex"), lap: 0 };
}

function nextOperations({ lineage }: NodeImage, start: Start): readonly Operation[] {
  return bootOperations(lineageWith(lineage, start), null);
}

/** The hard state comes first: rows without it are those of a node that has forgotten its votes. */
async function writeGenesis(
  store: NodeStore,
  { bootstrap, node }: NodeConfig,
  { start, quarantine }: { readonly start: Start; readonly quarantine: string | null },
): Promise<void> {
  await write(store, [], []);
  await write(store, genesisOperations({ bootstrap, self: node, start, quarantine }));
}

function stepDown({ database }: NodeImage, quarantine: string | null): readonly Operation[] {
  return quarantine === null ? [] : quarantineOperations({ ...database, slot: database.rows.slot }, quarantine);
}

/** What a quarantined node holds of its groups stays on its disk, and takes no part. */
function withoutReplicas(image: NodeImage): NodeImage {
  return image.quarantine === null ? image : { ...image, groups: [] };
}

function refuseForeign(image: NodeImage, { node, bootstrap, bootstrapFile, dataDirectory }: NodeConfig): void {
  if (image.node !== node) {
    const message = `Data directory ${dataDirectory} belongs to node ${image.node}, not to ${node}; give each node its own`;
    throw new DbError(failure("condition_failed", message, { node: image.node, field: "dataDir" }));
  }
  if (image.cluster === bootstrap.cluster) return;
  const message =
    `Data directory ${dataDirectory} belongs to cluster ${image.cluster}, but ${bootstrapFile} describes cluster ` +
    `${bootstrap.cluster}; a changed bootstrap file is another cluster: put back the file that the cluster was first started with`;
  throw new DbError(failure("condition_failed", message, { field: "bootstrap" }));
}

function damaged({ dataDirectory }: NodeConfig, reason: string): DbError {
  return new DbError(failure("corrupt", `Data directory ${dataDirectory} cannot be used: ${reason}`));
}

async function read(store: NodeStore): Promise<Stored> {
  const reading = readNode(store.hardStates);
  let next = reading.next();
  while (next.done !== true) next = reading.next(await rowsOf(store, next.value));
  return next.value;
}

async function rowsOf(store: NodeStore, range: KeyRange): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (let rest: KeyRange | null = range; rest !== null; ) {
    const page: Extract<ScanOutcome, { type: "rows" }> = await scan(store, rest);
    for (const row of page.rows) rows.push(row);
    const last = page.rows.at(-1);
    rest = page.more && last !== undefined ? rangeAfter(rest, last.key) : null;
  }
  return rows;
}

function scan(store: NodeStore, range: KeyRange): Promise<Extract<ScanOutcome, { type: "rows" }>> {
  return new Promise((resolve, reject) => {
    store.scan(range, pageLimits, (outcome) => {
      if (outcome.type === "rows") resolve(outcome);
      else reject(new DbError(failure("corrupt", outcome.reason)));
    });
  });
}

function write(
  store: NodeStore,
  operations: readonly Operation[],
  hardStates: HardStateTable | null = null,
): Promise<void> {
  return new Promise((resolve, reject) => {
    store.write({ operations, hardStates, sync: true }, (outcome) => {
      if (outcome.type === "done") resolve();
      else reject(new DbError(failure("internal", outcome.reason)));
    });
  });
}
