// What a start may conclude from its two boot numbers: b in the key file, d in the data directory. A start writes its own
// number to the data directory first and to the key file second, so that a healthy pair is d = b, or d = b + 1 after a
// crash between the two writes. Anything else means that one of them is an old copy. A start leaves out the numbers of those
// that the node has given up, which were on another line: then d lies above b by more.

import { type BootNumber, toBootNumber } from "../../proto/ids.ts";

export interface BootNumbers {
  /** In the key file; 0 before the first start. */
  readonly keyBoot: number;
  /** In the data directory; 0 when it holds no record of a start. */
  readonly dataBoot: number;
  /** No start of this line has a number up to this one any more; 0: none is left out. */
  readonly disowned: number;
}

export type BootDecision =
  | { readonly type: "start"; readonly boot: BootNumber }
  /** The data may miss what this node has promised: it must not vote with it. */
  | { readonly type: "quarantine"; readonly boot: BootNumber; readonly reason: string };

/** The number of this start, above every earlier one that is known of, and whether the data may be trusted. */
export function decideBoot(numbers: BootNumbers): BootDecision {
  const { keyBoot, dataBoot, disowned } = numbers;
  const after = (before: number) => Math.max(before, disowned) + 1;
  const boot = toBootNumber(after(Math.max(keyBoot, dataBoot)));
  if (dataBoot === keyBoot || dataBoot === after(keyBoot)) return { type: "start", boot };
  return { type: "quarantine", boot, reason: mismatch(keyBoot, dataBoot) };
}

function mismatch(keyBoot: number, dataBoot: number): string {
  if (dataBoot === 0) return `The data directory was wiped: the key has seen start ${keyBoot}, the data none`;
  if (dataBoot < keyBoot) {
    return `The data directory is an old copy: the key has seen start ${keyBoot}, the data only start ${dataBoot}`;
  }
  return `The key file is an old copy: it has seen start ${keyBoot}, the data start ${dataBoot}`;
}
