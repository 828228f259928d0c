// The ordered store on a disk, through LevelDB: the only importer of `level`.
// LevelDB neither notices damage to its log nor survives a failed write (reports later synced writes as done and loses
// them), so the first failure ends this handle, and what must not be lost carries its own checksums (log-rows.ts).
// Compression is off: a scan of the raw files must find what a node stores (A1).

import { readdir } from "node:fs/promises";
import { Level } from "level";
import { assert } from "../proto/assert.ts";
import { DbError, failure } from "../proto/errors.ts";
import { syncLogFiles } from "./level-log-files.ts";
import { findDamagedTable } from "./level-tables.ts";
import type { KeyRange, Operation, OrderedStore, PageLimits, Row, ScanOutcome, WriteOutcome } from "./ordered-store.ts";

/** `level` leaves out of its types what only its implementation for Node.js has. */
type Database = Level<Uint8Array, Uint8Array> & { getProperty(property: string): string };

/** Writes that may wait for the one under way; the host has a handful, more is a fault of the caller. */
const writesWaitingMax = 4096;
/** LevelDB starts a new log file when this much is buffered. */
const writeBufferBytes = 4 * 2 ** 20;
/** A key that is never a row (keys.ts): deleted to sync when there is nothing else to write. */
const barrierKey = Uint8Array.of(0);

interface Write {
  /** Every row of it goes, before the operations. */
  readonly erased: KeyRange | null;
  readonly operations: readonly Operation[];
  readonly sync: boolean;
  readonly done: (outcome: WriteOutcome) => void;
}

export class LevelStore implements OrderedStore {
  readonly #db: Database;
  readonly #directory: string;
  readonly #waiting: Write[] = [];
  #isWriting = false;
  /** A write that was not synced has not been followed by a synced one. */
  #isDirty = false;
  #scans = 0;
  #failure: string | null = null;
  #closing: (() => void) | null = null;

  private constructor(db: Database, directory: string) {
    this.#db = db;
    this.#directory = directory;
  }

  /**
   * Opens or creates the database in `directory`.
   *
   * @throws {DbError} `condition_failed` when another process holds it, `corrupt` when its CURRENT, MANIFEST or a table is
   *   missing or damaged; it is never repaired. `internal` for what the system refuses (permissions, space)
   */
  static async open(directory: string): Promise<LevelStore> {
    await refuseLostCurrent(directory);
    await refuseDamagedTables(directory);
    const db = new Level<Uint8Array, Uint8Array>(directory, {
      keyEncoding: "view",
      valueEncoding: "view",
      compression: false,
      writeBufferSize: writeBufferBytes,
    }) as Database;
    try {
      await db.open();
    } catch (reason) {
      throw openError(directory, reason);
    }
    return new LevelStore(db, directory);
  }

  /**
   * Whoever is about to move the files of a database that does not open asks first whether another process holds them.
   * Nothing is read or changed.
   *
   * @throws {DbError} `condition_failed` when one does
   */
  static async refuseHeld(directory: string): Promise<void> {
    // LevelDB takes its lock before it looks at anything; then it refuses what is there, and what is not.
    const db = new Level(directory, { createIfMissing: false, errorIfExists: true });
    const refusal = await db.open().then(
      () => null,
      (reason: unknown) => openError(directory, reason),
    );
    assert(refusal !== null, () => `${directory} was opened, which was only to be asked whether it is held`);
    if (refusal.code === "condition_failed") throw refusal;
  }

  write(operations: readonly Operation[], sync: boolean, done: (outcome: WriteOutcome) => void): void {
    const refused = this.#refusal();
    if (refused !== null) {
      queueMicrotask(() => done({ type: "failed", reason: refused }));
      return;
    }
    this.#queue({ erased: null, operations, sync, done });
  }

  erase(range: KeyRange): void {
    if (this.#refusal() === null) this.#queue({ erased: range, operations: [], sync: false, done: () => {} });
  }

  scan(range: KeyRange, limits: PageLimits, done: (outcome: ScanOutcome) => void): void {
    const refused = this.#refusal();
    if (refused !== null) {
      queueMicrotask(() => done({ type: "failed", isDamage: false, reason: refused }));
      return;
    }
    this.#scans += 1;
    readPage(this.#db, range, limits).then(
      (outcome) => this.#finishScan(outcome, done),
      (reason) => this.#finishScan(scanFailure(reason), done),
    );
  }

  close(done: () => void): void {
    assert(this.#closing === null, "the store is closed twice");
    this.#closing = done;
    this.#maybeClose();
  }

  #refusal(): string | null {
    return this.#failure ?? (this.#closing === null ? null : "The store is closed");
  }

  #queue(write: Write): void {
    assert(this.#waiting.length < writesWaitingMax, () => `${this.#waiting.length} writes wait for the disk`);
    this.#waiting.push(write);
    this.#maybeStart();
  }

  #maybeStart(): void {
    if (this.#isWriting) return;
    const write = this.#waiting.shift();
    if (write === undefined) return;
    this.#isWriting = true;
    this.#carryOut(write).then(
      () => this.#finishWrite(write, { type: "done" }),
      (reason) => this.#failAll(write, messageOf(reason)),
    );
  }

  async #carryOut({ erased, operations, sync }: Write): Promise<void> {
    if (erased !== null) await this.#db.clear({ gte: erased.start, lt: erased.end });
    if (operations.length === 0 && !(sync && this.#isDirty)) return;
    await this.#maybeSyncLog();
    const batch = this.#db.batch();
    if (operations.length === 0) batch.del(barrierKey);
    for (const operation of operations) {
      if (operation.type === "put") batch.put(operation.key, operation.value);
      else batch.del(operation.key);
    }
    await batch.write({ sync });
    this.#isDirty = !sync;
  }

  /** Before LevelDB may begin a new log file: its usage figure is that of the write buffer or more. */
  async #maybeSyncLog(): Promise<void> {
    if (!this.#isDirty) return;
    const usedBytes = Number(this.#db.getProperty("leveldb.approximate-memory-usage"));
    if (usedBytes <= writeBufferBytes) return;
    await syncLogFiles(this.#directory);
    this.#isDirty = false;
  }

  #finishWrite(write: Write, outcome: WriteOutcome): void {
    this.#isWriting = false;
    this.#maybeStart();
    write.done(outcome);
    this.#maybeClose();
  }

  /** The batch under way is in an unknown state, and nothing may be written after it through this handle. */
  #failAll(write: Write, message: string): void {
    this.#failure = `A write to the disk failed: ${message}`;
    const abandoned = this.#waiting.splice(0);
    const outcome: WriteOutcome = { type: "failed", reason: this.#failure };
    this.#finishWrite(write, outcome);
    for (const { done } of abandoned) done(outcome);
  }

  #finishScan(outcome: ScanOutcome, done: (outcome: ScanOutcome) => void): void {
    this.#scans -= 1;
    done(outcome);
    this.#maybeClose();
  }

  #maybeClose(): void {
    const done = this.#closing;
    if (done === null || this.#isWriting || this.#waiting.length > 0 || this.#scans > 0) return;
    if (this.#db.status !== "open") return;
    this.#db.close().then(done, done);
  }
}

/** The iterator is made before the first await: it sees the store as of the call. */
async function readPage(db: Database, range: KeyRange, limits: PageLimits): Promise<ScanOutcome> {
  const iterator = db.iterator({
    gte: range.start,
    lt: range.end,
    limit: limits.rowsMax,
    highWaterMarkBytes: Math.min(limits.bytesMax, 2 ** 20),
    fillCache: false,
  });
  try {
    const rows: Row[] = [];
    let bytes = 0;
    for (;;) {
      const found = await iterator.nextv(Math.min(limits.rowsMax - rows.length, 1000));
      if (found.length === 0) return { type: "rows", rows, more: false };
      for (const [key, value] of found) {
        rows.push({ key, value });
        bytes += key.byteLength + value.byteLength;
        if (rows.length >= limits.rowsMax || bytes >= limits.bytesMax) return { type: "rows", rows, more: true };
      }
    }
  } finally {
    await iterator.close();
  }
}

/** Without CURRENT LevelDB begins an empty database beside the old files: a node would forget all that it promised. */
async function refuseLostCurrent(directory: string): Promise<void> {
  const names = await readdir(directory).catch((reason: NodeJS.ErrnoException): string[] => {
    if (reason.code === "ENOENT") return [];
    throw openError(directory, reason);
  });
  const left = names.find((name) => /^MANIFEST-|^\d+\.(?:log|ldb|sst)$/.test(name));
  if (left === undefined || names.includes("CURRENT")) return;
  throw new DbError(failure("corrupt", `Database in ${directory} is damaged: CURRENT is missing beside ${left}`));
}

/** LevelDB would read wrong values from them, and in a compaction write these with checksums that are right. */
async function refuseDamagedTables(directory: string): Promise<void> {
  const problem = await findDamagedTable(directory).catch((reason: unknown) => {
    throw openError(directory, reason);
  });
  if (problem !== null) throw new DbError(failure("corrupt", `Database in ${directory} is damaged: ${problem}`));
}

/** What the system refuses to do is no damage: the bytes may be as they were written. */
function openError(directory: string, reason: unknown): DbError {
  const cause = causeOf(reason);
  const text = messageOf(cause);
  if (codeOf(cause) === "LEVEL_LOCKED" || /LOCK:|already held by process/.test(text)) {
    return new DbError(failure("condition_failed", `Directory ${directory} is held by another process`), reason);
  }
  // CURRENT names a file that is gone.
  if (codeOf(cause) === "LEVEL_CORRUPTION" || /^IO error: .*MANIFEST.*No such file/.test(text)) {
    return new DbError(failure("corrupt", `Database in ${directory} is damaged: ${text}`), reason);
  }
  return new DbError(failure("internal", `Database in ${directory} does not open: ${text}`), reason);
}

function scanFailure(reason: unknown): ScanOutcome {
  const cause = causeOf(reason);
  const isDamage = codeOf(cause) === "LEVEL_CORRUPTION";
  return { type: "failed", isDamage, reason: `Scan failed: ${messageOf(cause)}` };
}

function causeOf(reason: unknown): unknown {
  return reason instanceof Error && reason.cause instanceof Error ? reason.cause : reason;
}

function codeOf(reason: unknown): string | undefined {
  return (reason as { code?: string }).code;
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
