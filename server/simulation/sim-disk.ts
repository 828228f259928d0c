// One node's disk in virtual time, with durability made explicit: a write is acknowledged after a seeded delay, and a crash
// keeps only what was durable, plus as much of the rest, in order, as the seed says. Rows and hard states are synced side
// by side, so that a crash keeps any prefix of the one with any prefix of the other; a power loss may also tear the slot of
// the hard states that was under way. The disk itself is honest: what refuses and sticks is its condition (faulty-disk.ts).

import type { Random } from "../../proto/random.ts";
import { keyAfter } from "../../storage/bytes.ts";
import type { HardStateTable } from "../../storage/hard-state.ts";
import { everyRange } from "../../storage/keys.ts";
import { MemoryStore, type Page } from "../../storage/memory-store.ts";
import type { KeyRange, Operation, PageLimits, Row, WriteOutcome } from "../../storage/ordered-store.ts";
import type { WriteBatch } from "../node/effects.ts";
import type { Disk } from "../node/ports.ts";
import { DiskCondition, type DiskFailure } from "./faulty-disk.ts";
import type { Process } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";
import { SimSlots, type SlotsImage } from "./sim-slots.ts";

/** Batches that may lie unsynced before the oldest go to the disk by themselves. */
const unsyncedBatchesMax = 4_096;
/** A power loss tears the slot under way, rather than losing it whole. */
const tearProbability = 0.5;

/** Times in milliseconds, the mean being that of an exponential part added to the least; probabilities from 0 to 1. */
export interface DiskOptions {
  readonly syncMsMin: number;
  readonly syncMsMean: number;
  readonly unsyncedMsMean: number;
  /** A write takes up to `stallMsMax` longer. */
  readonly stallProbability: number;
  readonly stallMsMax: number;
}

/** A busy solid-state disk. */
export const calmDisk: DiskOptions = {
  syncMsMin: 0.2,
  syncMsMean: 0.3,
  unsyncedMsMean: 0.05,
  stallProbability: 0,
  stallMsMax: 0,
};

/** `process`: what the operating system was given survives. `power`: only what is on the medium. */
export type CrashKind = "process" | "power";

/** A copy of a whole disk, the node's key included. */
export interface DiskImage {
  readonly rows: readonly Row[];
  readonly slots: SlotsImage;
  readonly keyBoot: number;
}

interface PendingRows {
  readonly operations: readonly Operation[];
  /** The operating system has it: it survives the end of the process, though not a power loss. */
  isWritten: boolean;
}

export class SimDisk {
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #durableRows = new MemoryStore({ defer: () => {} });
  readonly condition: DiskCondition;
  /** Highest start on record in the node's key, which is a file of its own; 0 before the first. */
  keyBoot = 0;
  /** A fault has damaged it since its node started last: what a start does not notice then has done no harm. */
  isRotten = false;
  readonly #slots = new SimSlots();
  /** In the order of the writes. */
  #pendingRows: PendingRows[] = [];
  #pendingTables: HardStateTable[] = [];
  #options: DiskOptions = calmDisk;
  #lastDoneMs = 0;
  /** Names the use of the disk by one process: completions of an earlier one do nothing. */
  #opening = 0;
  #handleFailure: DiskFailure | null = null;
  #lastWriteMs = 0;

  constructor(scheduler: Scheduler, random: Random) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.condition = new DiskCondition(scheduler, random.fork());
  }

  /** Why the process that used the disk last was refused a write; null: it was not. */
  get handleFailure(): DiskFailure | null {
    return this.#handleFailure;
  }

  /** When a process last asked for a write. */
  get lastWriteMs(): number {
    return this.#lastWriteMs;
  }

  /** Slots of the hard states that power losses have torn. */
  get tornSlots(): number {
    return this.#slots.torn;
  }

  setOptions(options: DiskOptions): void {
    this.#options = options;
  }

  /** The hard states that would survive a power loss now. */
  get durableTable(): HardStateTable {
    return this.#slots.table;
  }

  /** Why the hard states cannot be relied on; null: they can. */
  get slotDamage(): string | null {
    return this.#slots.damage;
  }

  /** true: no table ever became durable here. */
  get isNew(): boolean {
    return this.#slots.isNew;
  }

  /** Rows that would survive a power loss now; after a crash, all that is left. */
  durablePage(range: KeyRange, limits: PageLimits): Page {
    return this.#durableRows.page(range, limits);
  }

  durableRow(key: Uint8Array): Uint8Array | null {
    return this.lastDurableRow({ start: key, end: keyAfter(key) })?.value ?? null;
  }

  lastDurableRow(range: KeyRange): Row | null {
    return this.#durableRows.lastRow(range);
  }

  /** Durable before it returns, as a start does it that waits for its disk. No process may run. */
  writeAtOnce(operations: readonly Operation[]): void {
    this.#durableRows.write(operations, true, () => {});
  }

  /** All that would survive a power loss now. */
  image(): DiskImage {
    const { rows } = this.#durableRows.page(everyRange(), {
      rowsMax: Number.MAX_SAFE_INTEGER,
      bytesMax: Number.MAX_SAFE_INTEGER,
    });
    return { rows, slots: this.#slots.image(), keyBoot: this.keyBoot };
  }

  /** Puts the whole disk back to an image. No process may run. */
  restore({ rows, slots, keyBoot }: DiskImage): void {
    this.setAside();
    this.writeAtOnce(rows.map(({ key, value }) => ({ type: "put", key, value }) as const));
    this.#slots.restore(slots);
    this.keyBoot = keyBoot;
  }

  /** Empties the disk but for the key. No process may run. */
  setAside(): void {
    this.writeAtOnce(this.image().rows.map(({ key }) => ({ type: "delete", key }) as const));
    this.#slots.clear();
  }

  /** Both slots of the hard states become unreadable. No process may run. */
  rotSlots(): void {
    this.#slots.rot();
  }

  /** The disk as one process uses it. The process before it must have crashed. */
  open(process: Process): Disk {
    const opening = ++this.#opening;
    this.#handleFailure = null;
    const honest: Disk = {
      write: (batch, done) => {
        if (opening === this.#opening) this.#write(batch, done);
      },
      erase: (range) => {
        if (opening === this.#opening) this.#durableRows.erase(range);
      },
    };
    const faulty = this.condition.decorate(honest, (failure) => {
      if (opening === this.#opening) this.#handleFailure = failure;
    });
    return {
      write: (batch, done) => {
        this.#lastWriteMs = this.#scheduler.nowMs;
        faulty.write(batch, (outcome) => process.read("disk", () => done(outcome)));
      },
      erase: (range) => faulty.erase(range),
    };
  }

  /** Ends the use of the disk by its process and decides what of its unfinished writes is left. */
  crash(kind: CrashKind): void {
    this.#opening += 1;
    const firstInDoubt = kind === "power" ? 0 : this.#pendingRows.filter((rows) => rows.isWritten).length;
    this.#keepRows(this.#random.between(firstInDoubt, this.#pendingRows.length));
    this.#keepTables(this.#random.between(0, this.#pendingTables.length));
    const [underWay] = this.#pendingTables;
    if (kind === "power" && underWay !== undefined && this.#random.chance(tearProbability)) {
      this.#slots.tear(underWay, this.#random);
    }
    this.#pendingRows = [];
    this.#pendingTables = [];
    this.#lastDoneMs = 0;
  }

  #write(batch: WriteBatch, done: (outcome: WriteOutcome) => void): void {
    const rows: PendingRows = { operations: batch.operations, isWritten: false };
    this.#pendingRows.push(rows);
    const opening = this.#opening;
    const rowsMs = this.#completion(batch.sync);
    this.#whenStillOpen(rowsMs, opening, () => {
      rows.isWritten = true;
      if (batch.sync) this.#keepRows(this.#pendingRows.indexOf(rows) + 1);
      else if (this.#pendingRows.length > unsyncedBatchesMax) this.#keepRows(unsyncedBatchesMax / 2);
    });
    const tableMs = batch.hardStates === null ? 0 : this.#writeTable(batch.hardStates, opening);
    this.#lastDoneMs = Math.max(rowsMs, tableMs);
    this.#whenStillOpen(this.#lastDoneMs, opening, () => done({ type: "done" }));
  }

  #writeTable(table: HardStateTable, opening: number): number {
    this.#pendingTables.push(table);
    const atMs = this.#completion(true);
    this.#whenStillOpen(atMs, opening, () => this.#keepTables(this.#pendingTables.indexOf(table) + 1));
    return atMs;
  }

  #whenStillOpen(atMs: number, opening: number, run: () => void): void {
    this.#scheduler.at(atMs, () => {
      if (opening === this.#opening) run();
    });
  }

  /** No write completes before one that was asked for earlier. */
  #completion(sync: boolean): number {
    const { syncMsMin, syncMsMean, unsyncedMsMean, stallProbability, stallMsMax } = this.#options;
    const tail = -Math.log(1 - this.#random.fraction());
    const stall = this.#random.chance(stallProbability) ? this.#random.fraction() * stallMsMax : 0;
    const delay = (sync ? syncMsMin + tail * syncMsMean : tail * unsyncedMsMean) + stall;
    return Math.max(this.#lastDoneMs, this.#scheduler.nowMs + delay);
  }

  #keepRows(count: number): void {
    const kept = this.#pendingRows.splice(0, count);
    for (const { operations } of kept) this.#durableRows.write(operations, true, () => {});
  }

  #keepTables(count: number): void {
    for (const table of this.#pendingTables.splice(0, count)) this.#slots.write(table);
  }
}
