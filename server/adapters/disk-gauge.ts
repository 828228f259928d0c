// Looks at the free space of the data directory's disk now and then, and tells the node what has changed.

import { statfs } from "node:fs/promises";
import type { Deliver, Journal } from "../node/ports.ts";
import { adapterLimits } from "./adapter-limits.ts";

export interface DiskGaugeOptions {
  readonly directory: string;
  readonly deliver: Deliver;
  readonly journal: Journal;
}

export class DiskGauge {
  readonly #options: DiskGaugeOptions;
  #timer: NodeJS.Timeout | null = null;
  #isStopped = false;
  #freeBytes: number | null = null;
  #hasFailed = false;

  private constructor(options: DiskGaugeOptions) {
    this.#options = options;
  }

  /** On return the first measurement is delivered. */
  static async start(options: DiskGaugeOptions): Promise<DiskGauge> {
    const gauge = new DiskGauge(options);
    await gauge.#look();
    return gauge;
  }

  /** Nothing is delivered any more. */
  stop(): void {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    await this.#measure();
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => void this.#look(), adapterLimits.diskCheckMs);
    this.#timer.unref();
  }

  async #measure(): Promise<void> {
    const { directory, deliver, journal } = this.#options;
    try {
      const { bavail, bsize } = await statfs(directory);
      this.#hasFailed = false;
      const freeBytes = bavail * bsize;
      if (freeBytes === this.#freeBytes || this.#isStopped) return;
      this.#freeBytes = freeBytes;
      deliver({ type: "diskFree", bytes: freeBytes });
    } catch (reason) {
      // Whether the disk can be written to is for the writes to find out.
      if (!this.#hasFailed) journal.note("warn", "Free disk space is not known", { reason: String(reason) });
      this.#hasFailed = true;
    }
  }
}
