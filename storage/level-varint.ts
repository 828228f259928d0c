// Reads LevelDB's variable-length integers and what is built of them, from front to back.

/** Thrown when the bytes end too early; whoever reads a file turns it into what is wrong with the file. */
export class CutShort extends Error {
  override readonly name = "CutShort";
}

export class LevelReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Up to 64 bits; above 2^53 no longer exact, which no file offset or number reaches. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) break;
      this.#at += 1;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new CutShort("a number is cut short");
  }

  take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length)
      throw new CutShort(`${length} bytes are wanted, ${this.#bytes.length - this.#at} are left`);
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  /** A length and that many bytes. */
  slice(): Uint8Array {
    return this.take(this.varint());
  }
}
