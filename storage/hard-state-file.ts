// The hard state on a disk: two slot files written in turn, in place. A write is durable when it is done (O_DSYNC: as if
// fdatasync followed, for one way to a thread instead of two). A crash tears at most the slot under way, and the other one holds
// the table before it. Outside LevelDB, which may lose synced records silently.
// Kept from the first opening on: slot b is created with generation 1, then slot a with generation 2.

import { constants, write } from "node:fs";
import { type FileHandle, mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { assert } from "../proto/assert.ts";
import { DbError, failure } from "../proto/errors.ts";
import {
  decodeHardState,
  encodeHardState,
  encodeHardStateRow,
  type GroupHardState,
  type HardStateImage,
  type HardStateStore,
  type HardStateTable,
  hardStateFormat,
} from "./hard-state.ts";
import type { WriteOutcome } from "./ordered-store.ts";
import { syncDirectory } from "./sync-directory.ts";

const slotNames = ["hard-state.a", "hard-state.b"] as const;
type SlotName = (typeof slotNames)[number];

const syncedWrites = constants.O_RDWR | constants.O_DSYNC;
/** Files grow by whole blocks, so that most writes change no metadata. */
const blockBytes = 4096;
/** The newest generation before any table was written. */
const createdGeneration = 2;
/** Callers that may wait for one write; the host has a handful, more is a fault of the caller. */
const donesWaitingMax = 4096;

type Done = (outcome: WriteOutcome) => void;

/** Reads the table without opening it for writing, for `inspect`: null when there is none or it is damaged. */
export async function readHardState(directory: string): Promise<HardStateTable | null> {
  const slots = await Promise.all(slotNames.map((slot) => readSlot(join(directory, slot))));
  return newestOf(slots)?.table ?? null;
}

export class HardStateFile implements HardStateStore {
  readonly #files: Readonly<Record<SlotName, FileHandle>>;
  readonly isNew: boolean;
  #table: HardStateTable;
  #generation: number;
  #nextSlot: SlotName;
  /** The newest table that waits for the write under way, with all who wait for it; tables between are superseded. */
  #waiting: { readonly table: HardStateTable; readonly dones: Done[] } | null = null;
  #isWriting = false;
  /** Rows never change, and most of a table's are those of the table before it. */
  readonly #encoded = new WeakMap<GroupHardState, Uint8Array>();
  #failure: string | null = null;
  #closing: (() => void) | null = null;

  private constructor(files: Readonly<Record<SlotName, FileHandle>>, opened: Opened) {
    this.#files = files;
    this.isNew = opened.newest.generation <= createdGeneration;
    this.#table = opened.newest.table;
    this.#generation = opened.newest.generation;
    this.#nextSlot = opened.oldestSlot;
  }

  /**
   * Opens or creates both slots.
   *
   * @param directory of the node; created when missing. Whoever opens it must hold the node's lock
   * @throws {DbError} `corrupt` when slots exist and none is valid, or one is missing that was there; `condition_failed` when
   *   another version of this software has written them
   */
  static async open(directory: string): Promise<HardStateFile> {
    await mkdir(directory, { recursive: true });
    const opened = await openSlots(directory);
    const [a, b] = slotNames;
    const files = {
      [a]: await open(join(directory, a), syncedWrites),
      [b]: await open(join(directory, b), syncedWrites),
    };
    return new HardStateFile(files as Record<SlotName, FileHandle>, opened);
  }

  get table(): HardStateTable {
    return this.#table;
  }

  get generation(): number {
    return this.#generation;
  }

  write(table: HardStateTable, done: Done): void {
    const refused = this.#failure ?? (this.#closing === null ? null : "The hard state is closed");
    if (refused !== null) {
      queueMicrotask(() => done({ type: "failed", reason: refused }));
      return;
    }
    this.#table = table;
    const dones = this.#waiting?.dones ?? [];
    assert(dones.length < donesWaitingMax, () => `${dones.length} writes of the hard state wait for the disk`);
    dones.push(done);
    this.#waiting = { table, dones };
    this.#maybeStart();
  }

  close(done: () => void): void {
    assert(this.#closing === null, "the hard state is closed twice");
    this.#closing = done;
    if (!this.#isWriting) this.#release(done);
  }

  #maybeStart(): void {
    const next = this.#waiting;
    if (this.#isWriting || next === null) return;
    this.#waiting = null;
    this.#isWriting = true;
    this.#writeSlot(next.table, (reason) => {
      if (reason === null) this.#turnSlots();
      this.#finish(next.dones, reason === null ? { type: "done" } : this.#poison(reason));
    });
  }

  /** With callbacks: every append waits for this, and promises of file handles take twice the processor time. */
  #writeSlot(table: HardStateTable, done: (reason: Error | null) => void): void {
    const image = padded(encodeHardState({ generation: this.#generation + 1, table }, (row) => this.#bytesOf(row)));
    const { fd } = this.#files[this.#nextSlot];
    writeAll(fd, image, done);
  }

  #turnSlots(): void {
    this.#generation += 1;
    this.#nextSlot = this.#nextSlot === "hard-state.a" ? "hard-state.b" : "hard-state.a";
  }

  #bytesOf(row: GroupHardState): Uint8Array {
    const known = this.#encoded.get(row);
    if (known !== undefined) return known;
    const bytes = encodeHardStateRow(row);
    this.#encoded.set(row, bytes);
    return bytes;
  }

  #poison(reason: unknown): WriteOutcome {
    this.#failure = `Hard state was not written: ${reason instanceof Error ? reason.message : String(reason)}`;
    return { type: "failed", reason: this.#failure };
  }

  #finish(dones: readonly Done[], outcome: WriteOutcome): void {
    this.#isWriting = false;
    const waiting = outcome.type === "failed" ? (this.#waiting?.dones ?? []) : [];
    if (outcome.type === "failed") this.#waiting = null;
    this.#maybeStart();
    for (const done of [...dones, ...waiting]) done(outcome);
    if (this.#closing !== null && !this.#isWriting) this.#release(this.#closing);
  }

  #release(done: () => void): void {
    const closed = slotNames.map((slot) => this.#files[slot].close());
    void Promise.allSettled(closed).then(() => done());
  }
}

interface Opened {
  readonly newest: HardStateImage;
  readonly oldestSlot: SlotName;
}

/** What a slot file holds: `absent` without a file, `invalid` when torn or damaged. A slot of another format ends the reading. */
type SlotContent = HardStateImage | "absent" | "invalid";

async function openSlots(directory: string): Promise<Opened> {
  const [nameA, nameB] = slotNames;
  const a = await readSlot(join(directory, nameA));
  const b = await readSlot(join(directory, nameB));
  if (a === "absent" && (b === "absent" || (b !== "invalid" && b.generation === 1))) {
    // The first opening, or one that a crash cut short between the two files.
    if (b === "absent") await createSlot(directory, nameB, { generation: 1, table: [] });
    const newest = { generation: createdGeneration, table: [] };
    await createSlot(directory, nameA, newest);
    return { newest, oldestSlot: nameB };
  }
  const newest = newestOf([a, b]);
  if (newest === null || a === "absent" || b === "absent") throw damaged(directory, a, b);
  return { newest, oldestSlot: newest === a ? nameB : nameA };
}

function damaged(directory: string, a: SlotContent, b: SlotContent): DbError {
  const state = (slot: SlotContent) => (typeof slot === "string" ? slot : `generation ${slot.generation}`);
  const slots = `slot a is ${state(a)}, slot b is ${state(b)}`;
  return new DbError(failure("corrupt", `Hard state in ${directory} is damaged: ${slots}`));
}

function newestOf(slots: readonly SlotContent[]): HardStateImage | null {
  let newest: HardStateImage | null = null;
  for (const slot of slots) {
    if (typeof slot === "string") continue;
    if (newest === null || slot.generation > newest.generation) newest = slot;
  }
  return newest;
}

async function readSlot(path: string): Promise<SlotContent> {
  const bytes = await readFile(path).catch((reason: NodeJS.ErrnoException) => {
    if (reason.code === "ENOENT") return null;
    throw reason;
  });
  if (bytes === null) return "absent";
  const image = decodeHardState(bytes) ?? "invalid";
  if (typeof image === "string" || !("unknownFormat" in image)) return image;
  const message = `Hard state ${path} has format ${image.unknownFormat}, this version reads ${hardStateFormat}`;
  throw new DbError(failure("condition_failed", message));
}

/** Under another name first: a slot that exists was whole once. */
async function createSlot(directory: string, slot: SlotName, image: HardStateImage): Promise<void> {
  const path = join(directory, slot);
  const file = await open(`${path}.new`, "w");
  try {
    await file.writeFile(padded(encodeHardState(image)));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  await syncDirectory(directory);
}

/** A write may be cut short without an error, for example by a file size limit: then the rest reports it. */
function writeAll(fd: number, bytes: Uint8Array, done: (reason: Error | null) => void, from = 0): void {
  write(fd, bytes, from, bytes.byteLength - from, from, (reason, written) => {
    if (reason !== null) done(reason);
    else if (written === 0) done(new Error(`wrote ${from} of ${bytes.byteLength} bytes`));
    else if (from + written < bytes.byteLength) writeAll(fd, bytes, done, from + written);
    else done(null);
  });
}

function padded(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(Math.ceil(bytes.byteLength / blockBytes) * blockBytes);
  whole.set(bytes);
  return whole;
}
