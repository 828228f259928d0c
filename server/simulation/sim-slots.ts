// The two slots of a node's hard state on its simulated disk, written in turn (storage/hard-state-file.ts). A power loss
// may tear the slot under way: then its bytes are part new, part old, and what they are worth is for the product's decoder
// to say.

import type { Random } from "../../proto/random.ts";
import {
  decodeHardState,
  encodeHardState,
  type HardStateImage,
  type HardStateTable,
} from "../../storage/hard-state.ts";

const sectorBytes = 512;

/** As the first opening creates them. */
const created: readonly [HardStateImage, HardStateImage] = [
  { generation: 2, table: [] },
  { generation: 1, table: [] },
];

/** Both slot files, as a copy of the disk has them. */
export interface SlotsImage {
  readonly slots: readonly [HardStateImage | null, HardStateImage | null];
  readonly newestAt: 0 | 1;
}

export class SimSlots {
  /** null: torn. */
  readonly #slots: [HardStateImage | null, HardStateImage | null] = [...created];
  /** As the opening found it: the slot that is newest stays whole while the other is written. */
  #newestAt: 0 | 1 = 0;
  #torn = 0;

  /** What a start would read; nothing when no slot is whole. */
  get table(): HardStateTable {
    return this.#slots[this.#newestAt]?.table ?? [];
  }

  /** Why a start must not rely on what the slots hold; null: the newest is whole. */
  get damage(): string | null {
    return this.#slots[this.#newestAt] === null ? "no slot of the hard state is whole" : null;
  }

  /** true: no table ever became durable here. */
  get isNew(): boolean {
    return this.#slots[this.#newestAt]?.generation === created[0].generation;
  }

  /** Slots that were left invalid. */
  get torn(): number {
    return this.#torn;
  }

  write(table: HardStateTable): void {
    const at = this.#nextAt;
    this.#slots[at] = this.#next(table);
    this.#newestAt = at;
  }

  /** The write of `table` is cut short by a power loss. */
  tear(table: HardStateTable, random: Random): void {
    const at = this.#nextAt;
    const old = this.#slots[at];
    const before = old === null ? new Uint8Array(0) : encodeHardState(old);
    const read = decodeHardState(mixed(before, encodeHardState(this.#next(table)), random));
    const image = read !== null && "generation" in read ? read : null;
    this.#slots[at] = image;
    if (image === null) this.#torn += 1;
    else if (image.generation > this.#newest.generation) this.#newestAt = at;
  }

  /** Nothing of either slot can be read any more. */
  rot(): void {
    this.#slots.fill(null);
  }

  /** Both slots are made anew. */
  clear(): void {
    this.restore({ slots: created, newestAt: 0 });
  }

  image(): SlotsImage {
    return { slots: [...this.#slots], newestAt: this.#newestAt };
  }

  restore({ slots, newestAt }: SlotsImage): void {
    this.#slots[0] = slots[0];
    this.#slots[1] = slots[1];
    this.#newestAt = newestAt;
  }

  get #nextAt(): 0 | 1 {
    return this.#newestAt === 0 ? 1 : 0;
  }

  get #newest(): HardStateImage {
    return this.#slots[this.#newestAt] as HardStateImage;
  }

  #next(table: HardStateTable): HardStateImage {
    return { generation: this.#newest.generation + 1, table };
  }
}

/** New bytes up to a cut, and behind it old ones or none; or sectors of both. */
function mixed(old: Uint8Array, now: Uint8Array, random: Random): Uint8Array {
  const bytes = new Uint8Array(Math.max(old.byteLength, now.byteLength));
  const way = random.pick(["cut", "zeroed", "sectors"] as const);
  if (way !== "zeroed") bytes.set(old);
  if (way !== "sectors") {
    bytes.set(now.subarray(0, random.between(0, now.byteLength)));
    return bytes;
  }
  for (let at = 0; at < now.byteLength; at += sectorBytes) {
    if (random.chance(0.5)) bytes.set(now.subarray(at, at + sectorBytes), at);
  }
  return bytes;
}
