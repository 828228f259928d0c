// What is written: one of so many keys each time, drawn evenly, with a value that nothing can compress.

import { Random } from "../proto/random.ts";

export const workload = { group: "bench", keys: 1_000, keyBytes: 10, valueBytes: 256 } as const;

/** Values to choose from. */
const differentValues = 64;

export interface Write {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export class Writes {
  readonly #random = new Random(1);
  readonly #values: readonly Uint8Array[];

  constructor() {
    this.#values = Array.from({ length: differentValues }, () => randomBytes(this.#random, workload.valueBytes));
  }

  next(): Write {
    const number = this.#random.uint32();
    const key = Buffer.from(`key-${String(number % workload.keys).padStart(workload.keyBytes - 4, "0")}`);
    const value = this.#values[(number >>> 16) % differentValues] ?? new Uint8Array(workload.valueBytes);
    return { key, value };
  }
}

function randomBytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.uint32() & 0xff);
}
