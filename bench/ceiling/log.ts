// The disk of a ceiling process: a level database with the product's settings, to which batches of rows are added, synced.
// One write is under way at a time; what comes meanwhile goes together into the next, as in every log with group commit.

import { Level } from "level";

export interface LogRow {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export class CeilingLog {
  readonly #db: Level<Uint8Array, Uint8Array>;
  readonly #stored: (rows: number) => void;
  #waiting: LogRow[] = [];
  #isWriting = false;

  private constructor(db: Level<Uint8Array, Uint8Array>, stored: (rows: number) => void) {
    this.#db = db;
    this.#stored = stored;
  }

  /** @param stored told after each write that the next `rows` rows, in the order of `add`, are durable */
  static async open(directory: string, stored: (rows: number) => void): Promise<CeilingLog> {
    const db = new Level<Uint8Array, Uint8Array>(directory, {
      keyEncoding: "view",
      valueEncoding: "view",
      compression: false,
      writeBufferSize: 4 * 2 ** 20,
    });
    await db.open();
    return new CeilingLog(db, stored);
  }

  get isIdle(): boolean {
    return !this.#isWriting;
  }

  add(row: LogRow): void {
    this.#waiting.push(row);
    if (!this.#isWriting) this.#write();
  }

  #write(): void {
    const rows = this.#waiting;
    this.#waiting = [];
    this.#isWriting = true;
    const batch = this.#db.batch();
    for (const { key, value } of rows) batch.put(key, value);
    // A failed write ends the process, by an unhandled rejection: there is nothing to measure any more.
    void batch.write({ sync: true }).then(() => {
      this.#isWriting = false;
      this.#stored(rows.length);
      if (this.#waiting.length > 0 && !this.#isWriting) this.#write();
    });
  }
}
