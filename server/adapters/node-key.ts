// A node's identity on its own disk: an Ed25519 key and the highest start it was used for, in one JSON file that only the
// node's user may read. Written whole to a neighbour and renamed, so that a crash leaves the old file or the new one.
// Another start's number goes to the data between the two: `recordBoot` is where that order is kept.

import { randomBytes } from "node:crypto";
import { link, mkdir, open, readFile, rename, rm, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from "@libp2p/crypto/keys";
import type { PrivateKey } from "@libp2p/interface";
import { peerIdFromPrivateKey } from "@libp2p/peer-id";
import { assert } from "../../proto/assert.ts";
import { DbError, failure } from "../../proto/errors.ts";
import { type BootNumber, type ClusterId, toBootNumber, toClusterId } from "../../proto/ids.ts";
import { syncDirectory } from "../../storage/sync-directory.ts";

export interface NodeKey {
  /** The libp2p peer id, as `cluster.yaml` lists it. */
  readonly identity: string;
  readonly privateKey: PrivateKey;
  /** Highest start that was recorded; 0 before the first. */
  readonly boot: BootNumber;
  /** The cluster that the key has served; null before the first start. */
  readonly cluster: ClusterId | null;
}

interface KeyFile {
  /** Absent in files that were made before there was a second one: 1. */
  readonly format?: number;
  readonly identity: string;
  /** Protobuf form of the libp2p key, base64. */
  readonly privateKey: string;
  readonly boot: number;
  readonly cluster: string | null;
}

const keyFormat = 1;
const fileMode = 0o600;
const directoryMode = 0o700;

/**
 * Makes a key and its file, mode 0600, in a directory made with mode 0700 where there is none.
 *
 * @throws {DbError} `already_exists` when there is a file of that name; it is left as it is
 */
export async function createNodeKey(file: string): Promise<NodeKey> {
  const privateKey = await generateKeyPair("Ed25519");
  const key = {
    identity: peerIdFromPrivateKey(privateKey).toString(),
    privateKey,
    boot: toBootNumber(0),
    cluster: null,
  };
  await mkdir(dirname(file), { recursive: true, mode: directoryMode });
  // Two that make the key at once must not write the same draft.
  const draft = `${file}.${randomBytes(6).toString("hex")}.tmp`;
  await writeDraft(draft, key);
  try {
    await link(draft, file);
  } catch (cause) {
    if (errorCode(cause) !== "EEXIST") throw cause;
    throw new DbError(failure("already_exists", `There is a node key at ${file}; it is never overwritten`), cause);
  } finally {
    await unlink(draft);
  }
  await syncDirectory(dirname(file));
  return key;
}

/**
 * @throws {DbError} `not_found`, `condition_failed` when others may read the file, `corrupt` when it is not a node key
 */
export async function readNodeKey(file: string): Promise<NodeKey> {
  const mode = await stat(file).then(
    (status) => status.mode,
    (cause) => {
      throw new DbError(failure("not_found", `No node key at ${file}: ${messageOf(cause)}`), cause);
    },
  );
  if ((mode & 0o077) !== 0) {
    const seen = (mode & 0o777).toString(8).padStart(4, "0");
    throw new DbError(failure("condition_failed", `Node key ${file} has mode ${seen}; only 0600 is accepted`));
  }
  return parseNodeKey(file, await readFile(file, "utf8"));
}

export interface BootRecord {
  /** Above the number in the file. */
  readonly boot: BootNumber;
  readonly cluster: ClusterId;
  /** Writes the number to the data, durably: a crash may leave the data one start ahead of the key, and never behind it. */
  readonly recordInData: () => Promise<void>;
}

/**
 * Records a start before anything is done in its name, in the data and then in the key. On return both would survive a power
 * loss. A file that cannot be written is found out before the data has the number: else each attempt would take the data
 * further ahead, until the key is taken for an old copy.
 *
 * @throws {DbError} `condition_failed` when the key has served another cluster, or the file cannot be written
 */
export async function recordBoot(file: string, { boot, cluster, recordInData }: BootRecord): Promise<void> {
  const key = await readNodeKey(file);
  if (key.cluster !== null && key.cluster !== cluster) {
    throw new DbError(
      failure("condition_failed", `Node key ${file} belongs to cluster ${key.cluster}, not to ${cluster}`),
    );
  }
  assert(boot > key.boot, () => `boot ${boot} recorded after ${key.boot}`);
  await refuseUnwritable(file);
  const draft = draftOf(file);
  await writeDraft(draft, { ...key, boot, cluster }).catch(refuseFor(file));
  try {
    await recordInData();
  } catch (reason) {
    await rm(draft, { force: true });
    throw reason;
  }
  await putInForce(file).catch(refuseFor(file));
}

/**
 * Writes the file as it is, in the way in which a start's number gets there: nothing less tells whether that can be done.
 *
 * @throws {DbError} `condition_failed` when it cannot
 */
export async function refuseUnwritable(file: string): Promise<void> {
  const key = await readNodeKey(file);
  try {
    await writeDraft(draftOf(file), key);
    await putInForce(file);
  } catch (cause) {
    refuseFor(file)(cause);
  }
}

/** One name, so that what a crash leaves is written over; the lock of the data directory keeps a second writer away. */
function draftOf(file: string): string {
  return `${file}.draft`;
}

async function putInForce(file: string): Promise<void> {
  const draft = draftOf(file);
  try {
    await rename(draft, file);
  } catch (cause) {
    await rm(draft, { force: true });
    throw cause;
  }
  await syncDirectory(dirname(file));
}

function refuseFor(file: string): (cause: unknown) => never {
  return (cause) => {
    const message = `Node key ${file} cannot be written: ${messageOf(cause)}`;
    throw new DbError(failure("condition_failed", message, { field: "keyFile" }), cause);
  };
}

/** Nothing is left of a draft that cannot be written whole. */
async function writeDraft(draft: string, key: NodeKey): Promise<void> {
  const content: KeyFile = {
    format: keyFormat,
    identity: key.identity,
    privateKey: Buffer.from(privateKeyToProtobuf(key.privateKey)).toString("base64"),
    boot: key.boot,
    cluster: key.cluster,
  };
  await rm(draft, { force: true });
  const handle = await open(draft, "wx", fileMode);
  try {
    await handle.writeFile(`${JSON.stringify(content, null, 2)}\n`);
    await handle.sync();
  } catch (cause) {
    await rm(draft, { force: true });
    throw cause;
  } finally {
    await handle.close();
  }
}

function parseNodeKey(file: string, text: string): NodeKey {
  try {
    const content: unknown = JSON.parse(text);
    const format = formatOf(content);
    assert(format === keyFormat, () => `it has format ${format}, this version reads ${keyFormat}`);
    assert(isKeyFile(content), "a field is missing or of another type");
    const privateKey = privateKeyFromProtobuf(Buffer.from(content.privateKey, "base64"));
    assert(privateKey.type === "Ed25519", `key of type ${privateKey.type}`);
    const identity = peerIdFromPrivateKey(privateKey).toString();
    assert(identity === content.identity, `identity ${content.identity} is not that of the key, ${identity}`);
    const cluster = content.cluster === null ? null : toClusterId(content.cluster);
    return { identity, privateKey, boot: toBootNumber(content.boot), cluster };
  } catch (cause) {
    throw new DbError(failure("corrupt", `Not a node key: ${file}: ${messageOf(cause)}`), cause);
  }
}

function formatOf(content: unknown): unknown {
  const isObject = typeof content === "object" && content !== null;
  return isObject && "format" in content ? content.format : keyFormat;
}

function isKeyFile(value: unknown): value is KeyFile {
  if (typeof value !== "object" || value === null) return false;
  const { identity, privateKey, boot, cluster } = value as Partial<Record<keyof KeyFile, unknown>>;
  return (
    typeof identity === "string" &&
    typeof privateKey === "string" &&
    Number.isSafeInteger(boot) &&
    (boot as number) >= 0 &&
    (cluster === null || (typeof cluster === "string" && /^[0-9a-f]{32}$/.test(cluster)))
  );
}

function errorCode(cause: unknown): unknown {
  return cause instanceof Error && "code" in cause ? cause.code : undefined;
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
