// One hash over everything that all nodes ever asked of the world. Two runs of a seed must agree on it: a difference means
// that something other than the seed decided.

import { crc32 } from "node:zlib";

/** Texts up to this length are hashed once and remembered. */
const knownLengthMax = 40;
const wordsMax = 10_000;

/** Two lanes of FNV-1a with different primes: fast, order-sensitive, good enough against accident. */
export class Audit {
  #high = 0x811c9dc5;
  #low = 0x9e3779b9;
  #folded = 0;
  readonly #words = new Map<string, number>();

  /** Values folded so far. */
  get folded(): number {
    return this.#folded;
  }

  /** Takes in any plain value: numbers, texts, bytes, arrays and objects in the order of their fields. */
  fold(value: unknown): void {
    this.#folded += 1;
    this.#value(value);
  }

  /** 16 hexadecimal digits. */
  digest(): string {
    return hex(this.#high) + hex(this.#low);
  }

  #value(value: unknown): void {
    if (typeof value === "number") this.#number(value);
    else if (typeof value === "string") this.#text(value);
    else if (value instanceof Uint8Array) this.#bytes(value);
    else if (Array.isArray(value)) this.#list(value);
    else if (typeof value === "object" && value !== null) this.#fields(value);
    else this.#word(value === null ? 1 : value === true ? 2 : value === false ? 3 : 4);
  }

  #list(items: readonly unknown[]): void {
    this.#word(items.length);
    for (const item of items) this.#value(item);
  }

  #fields(record: object): void {
    for (const name in record) {
      // Enough of a name to tell the fields of one type apart in their order; this runs for every field of every step.
      this.#word((name.length << 16) ^ name.charCodeAt(0));
      this.#value((record as Readonly<Record<string, unknown>>)[name]);
    }
  }

  #number(value: number): void {
    // Microseconds are the smallest difference that matters; whole numbers fit in two words.
    const scaled = Number.isInteger(value) ? value : Math.round(value * 1e6);
    this.#word(scaled | 0);
    this.#word(Math.floor(scaled / 2 ** 32));
  }

  #text(text: string): void {
    if (text.length <= knownLengthMax) this.#word(this.#wordOf(text));
    else for (let at = 0; at < text.length; at++) this.#word(text.charCodeAt(at));
    this.#word(text.length);
  }

  /** Names of nodes, groups and types come again and again. */
  #wordOf(text: string): number {
    const known = this.#words.get(text);
    if (known !== undefined) return known;
    let word = 0x811c9dc5;
    for (let at = 0; at < text.length; at++) word = Math.imul(word ^ text.charCodeAt(at), 0x01000193);
    if (this.#words.size >= wordsMax) this.#words.clear();
    this.#words.set(text, word);
    return word;
  }

  #bytes(bytes: Uint8Array): void {
    this.#word(bytes.byteLength);
    this.#word(crc32(bytes));
  }

  #word(word: number): void {
    this.#high = Math.imul(this.#high ^ word, 0x01000193);
    this.#low = Math.imul((this.#low ^ word) + 0x7f4a7c15, 0x85ebca6b) ^ (this.#low >>> 15);
  }
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}
