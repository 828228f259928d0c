// Leases in arguments, flags and tables.

import type { Lease } from "../lease-calls.ts";
import { clientLimits } from "../limits.ts";
import type { Described } from "./cli-command.ts";
import type { Flags } from "./flags.ts";
import { UsageError } from "./usage-error.ts";

export interface LeaseArguments {
  readonly group: string;
  readonly id: number;
}

export const leaseArguments: readonly Described[] = [
  ["<group>", "resource group"],
  ["<id>", "the lease's id"],
];

/** @throws {UsageError} */
export function readLease(group: string, text: string): LeaseArguments {
  const id = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (id >= 1 && id <= Number.MAX_SAFE_INTEGER) return { group, id };
  throw new UsageError(`The lease ${JSON.stringify(text)} is not an integer from 1 on`);
}

/** The flag that {@link readTtl} looks at. */
export function ttlFlag(usual?: string): Described {
  const end = usual === undefined ? "" : ` (default: ${usual})`;
  return ["--ttl <time>", `how long it lasts when nobody keeps it alive, 1s to 24h${end}`];
}

/** @returns undefined when it was not given. @throws {UsageError} */
export function readTtl(flags: Flags): number | undefined {
  const { leaseTtlMsMin: minMs, leaseTtlMsMax: maxMs } = clientLimits;
  return flags.durationMs("ttl", { minMs, maxMs, range: "1s to 24h" });
}

export const leaseHead = ["ID", "GRANTED", "LEFT", "KEYS"];

export function leaseRow({ id, grantedTtlMs, ttlMs, keyCount }: Lease): string[] {
  return [String(id), ttlText(grantedTtlMs), ttlText(ttlMs), String(keyCount)];
}

/** In seconds to the tenth, rounded down: more is never left than it says. */
export function ttlText(ttlMs: number): string {
  return `${Math.floor(ttlMs / 100) / 10}s`;
}
