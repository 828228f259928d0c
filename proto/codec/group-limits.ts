// What a group's config object says of the group's limits, as a plain value. The object itself stays opaque to the nodes.

import { fromBinary } from "@bufbuild/protobuf";
import { type GroupConfig, GroupConfigSchema } from "../gen/bailiwick/v1/group_config_pb.ts";
import { CodecError } from "./codec-error.ts";

export interface GroupLimits {
  /** Of keys, values and their history. */
  readonly quotaBytes: number;
  /** Kept before the newest. */
  readonly historyRevisions: number;
  /** How long a revision is kept after another has replaced it. */
  readonly historyMs: number;
}

const bounds = {
  quotaBytes: { usual: 67_108_864, min: 1_048_576, max: 8_589_934_592 },
  historyRevisions: { usual: 10_000, min: 100, max: 10_000_000 },
  historyMs: { usual: 86_400_000, min: 60_000, max: 31_622_400_000 },
} as const;

export const usualGroupLimits: GroupLimits = {
  quotaBytes: bounds.quotaBytes.usual,
  historyRevisions: bounds.historyRevisions.usual,
  historyMs: bounds.historyMs.usual,
};

/**
 * @param config encoded `bailiwick.v1.GroupConfig`
 * @throws {CodecError} when it does not decode
 */
export function decodeGroupLimits(config: Uint8Array): GroupLimits {
  try {
    return toLimits(fromBinary(GroupConfigSchema, config, { readUnknownFields: false }));
  } catch (reason) {
    throw new CodecError(`GroupConfig of ${config.byteLength} bytes is malformed`, reason);
  }
}

/** @returns what is wrong with the limits of a config that someone has written, naming the field; null: nothing */
export function groupLimitsProblem({ limits }: GroupConfig): string | null {
  if (limits === undefined) return null;
  for (const name of ["quotaBytes", "historyRevisions", "historyMs"] as const) {
    const { min, max } = bounds[name];
    const value = limits[name];
    if (value !== 0n && (value < min || value > max)) {
      return `limits.${name} is ${value}, it must be from ${min} to ${max}, or 0 for ${bounds[name].usual}`;
    }
  }
  return null;
}

/** What was stored before it was checked counts as far as it can. */
function toLimits({ limits }: GroupConfig): GroupLimits {
  const of = (name: keyof GroupLimits) => {
    const { usual, min, max } = bounds[name];
    const value = Number(limits?.[name] ?? 0n);
    return value === 0 ? usual : Math.min(Math.max(value, min), max);
  };
  return { quotaBytes: of("quotaBytes"), historyRevisions: of("historyRevisions"), historyMs: of("historyMs") };
}
