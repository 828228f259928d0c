// A node's data directory at a start: opened, checked to be this node's and this cluster's, the start recorded in it and in
// the key, and its content read. Nothing is changed before every check has passed; damage sets all of it aside.

import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { DbError, failure } from "../proto/errors.ts";
import type { HardStateTable } from "../storage/hard-state.ts";
import { HardStateFile } from "../storage/hard-state-file.ts";
import { rangeAfter } from "../storage/keys.ts";
import { LevelStore } from "../storage/level-store.ts";
import { NodeStore } from "../storage/node-store.ts";
import type { KeyRange, Operation, PageLimits, Row, ScanOutcome } from "../storage/ordered-store.ts";
import { type NodeKey, recordBoot, refuseUnwritable } from "./adapters/node-key.ts";
import type { NodeConfig } from "./config/node-file.ts";
import { setAside } from "./damaged-data.ts";
import { rowsDirectory } from "./data-directory.ts";
import { type DataIdentity, type NodeImage, readNode, type Stored, type Wanted } from "./node/image.ts";
import { planStart } from "./node/start-plan.ts";

const pageLimits = { rowsMax: 10_000, bytesMax: 4 * 2 ** 20 };

export interface OpenedData {
  readonly store: NodeStore;
  readonly image: NodeImage;
}

/**
 * Opens the directory and records a start. On return both records would survive a power loss. Data that is damaged is set
 * aside; then the node begins anew, in quarantine, for what it has promised is not known any more.
 *
 * @throws {DbError} `condition_failed` for a directory of another node or cluster, one that another process holds, or data
 *   of another version of this software, and for a key file that cannot be written; `internal` for what the system refuses, which sets nothing aside
 */
export async function openNodeData(config: NodeConfig, key: NodeKey): Promise<OpenedData> {
  await mkdir(config.dataDirectory, { recursive: true, mode: 0o700 });
  const found = await lookInto(config);
  if (found.type === "whole") return startOn(found.store, { config, key, image: found.image, damage: null });
  if (found.identity !== null) refuseForeign(found.identity, config);
  await refuseUnwritable(config.keyFile);
  const directory = await setAside(config.dataDirectory, found.reason);
  const store = await openStore(config.dataDirectory);
  const reason = `The data was damaged: ${found.reason}; it is set aside in ${directory}`;
  return startOn(store, { config, key, image: null, damage: { reason, boot: found.identity?.boot ?? 0 } });
}

export function closeStore(store: NodeStore): Promise<void> {
  return new Promise((resolve) => store.close(resolve));
}

/** What is there: data that can be used, or none (`image` null), its store open; or damage, and nothing is open. */
type Found =
  | { readonly type: "whole"; readonly store: NodeStore; readonly image: NodeImage | null }
  | Extract<Stored, { type: "damaged" }>;

async function lookInto(config: NodeConfig): Promise<Found> {
  const store = await openStore(config.dataDirectory).catch(toDamage);
  if (!(store instanceof NodeStore)) return store;
  try {
    const stored = await read(store).catch(toDamage);
    if (stored.type === "otherFormat") throw refused(config, stored.reason);
    if (stored.type === "empty") return { type: "whole", store, image: null };
    if (stored.type === "image") {
      refuseForeign(stored.image, config);
      return { type: "whole", store, image: stored.image };
    }
    await closeStore(store);
    return stored;
  } catch (reason) {
    await closeStore(store);
    throw reason;
  }
}

/** @throws whatever is no damage */
function toDamage(reason: unknown): Extract<Stored, { type: "damaged" }> {
  if (!(reason instanceof DbError) || reason.code !== "corrupt") throw reason;
  return { type: "damaged", reason: reason.message, identity: null };
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

interface Beginning {
  readonly config: NodeConfig;
  readonly key: NodeKey;
  readonly image: NodeImage | null;
  readonly damage: { readonly reason: string; readonly boot: number } | null;
}

/** Takes over the store: whatever fails, it is closed. */
async function startOn(store: NodeStore, beginning: Beginning): Promise<OpenedData> {
  try {
    return { store, image: await recordStart(store, beginning) };
  } catch (reason) {
    await closeStore(store);
    throw reason;
  }
}

async function recordStart(store: NodeStore, { config, key, image, damage }: Beginning): Promise<NodeImage> {
  const { bootstrap, node: self, keyFile } = config;
  const { boot, operations } = planStart({
    bootstrap,
    self,
    image,
    keyBoot: key.boot,
    dataBoot: image?.boot ?? damage?.boot ?? 0,
    doubt: damage?.reason ?? (image === null ? null : lostVotes(image, store)),
    nonce: randomBytes(8).toString("hex"),
  });
  const recordInData = async () => {
    // The hard state comes first: rows without it are those of a node that has forgotten its votes.
    if (image === null) await write(store, [], []);
    await write(store, operations);
  };
  await recordBoot(keyFile, { boot, cluster: bootstrap.cluster, recordInData });
  const now = await read(store);
  if (now.type !== "image") {
    const reason = now.type === "empty" ? "its first rows are gone" : now.reason;
    throw new DbError(failure("corrupt", `Data directory ${config.dataDirectory} cannot be used: ${reason}`));
  }
  return withoutReplicas(now.image);
}

/** Why the votes on record may not be the newest; null: they are. */
function lostVotes({ generation }: NodeImage, store: NodeStore): string | null {
  if (store.isNew) return "Its votes were lost: the hard state files are missing";
  if (store.generation >= generation) return null;
  return `Its votes were lost: the newest hard state that is whole has generation ${store.generation}, but ${generation} was durable`;
}

/** What a quarantined node holds of its groups stays on its disk, and takes no part. */
function withoutReplicas(image: NodeImage): NodeImage {
  return image.quarantine === null ? image : { ...image, groups: [] };
}

function refuseForeign(identity: DataIdentity, { node, bootstrap, bootstrapFile, dataDirectory }: NodeConfig): void {
  if (identity.node !== node) {
    const message = `Data directory ${dataDirectory} belongs to node ${identity.node}, not to ${node}; give each node its own`;
    throw new DbError(failure("condition_failed", message, { node: identity.node, field: "dataDir" }));
  }
  if (identity.cluster === bootstrap.cluster) return;
  const message =
    `Data directory ${dataDirectory} belongs to cluster ${identity.cluster}, but ${bootstrapFile} describes cluster ` +
    `${bootstrap.cluster}; a changed bootstrap file is another cluster: put back the file that the cluster was first started with`;
  throw new DbError(failure("condition_failed", message, { field: "bootstrap" }));
}

function refused({ dataDirectory }: NodeConfig, reason: string): DbError {
  return new DbError(failure("condition_failed", `Data directory ${dataDirectory} cannot be used: ${reason}`));
}

async function read(store: NodeStore): Promise<Stored> {
  const reading = readNode(store.hardStates);
  let next = reading.next();
  while (next.done !== true) next = reading.next(await rowsOf(store, next.value));
  return next.value;
}

async function rowsOf(store: NodeStore, { range, rows: wanted }: Wanted): Promise<readonly Row[]> {
  if (wanted === "first") return (await scan(store, range, { ...pageLimits, rowsMax: 1 })).rows;
  const rows: Row[] = [];
  for (let rest: KeyRange | null = range; rest !== null; ) {
    const page: Extract<ScanOutcome, { type: "rows" }> = await scan(store, rest, pageLimits);
    for (const row of page.rows) rows.push(row);
    const last = page.rows.at(-1);
    rest = page.more && last !== undefined ? rangeAfter(rest, last.key) : null;
  }
  return rows;
}

function scan(store: NodeStore, range: KeyRange, limits: PageLimits): Promise<Extract<ScanOutcome, { type: "rows" }>> {
  return new Promise((resolve, reject) => {
    store.scan(range, limits, (outcome) => {
      if (outcome.type === "rows") resolve(outcome);
      else reject(new DbError(failure(outcome.isDamage ? "corrupt" : "internal", outcome.reason)));
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
