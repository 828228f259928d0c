// A group's config object from what people write: one encoding for one meaning, so that nodes whose files differ only in
// order or spelling begin with the same bytes.

import { type JsonObject, type JsonValue, toBinary } from "@bufbuild/protobuf";
import { groupLimitsProblem } from "./codec/group-limits.ts";
import { type ConfiguredGroup, policiesProblem } from "./codec/policy-problems.ts";
import { GroupConfigSchema } from "./gen/bailiwick/v1/group_config_pb.ts";
import { compareNames } from "./ids.ts";
import { fromPlainJson } from "./plain-json.ts";

/**
 * @param config plain JSON of `bailiwick.v1.GroupConfig` (plain-json.ts)
 * @param of the group that it is of, as far as it is known
 * @throws {Error} of the protobuf runtime, or for a limit or policy beyond its bounds; naming the field
 */
export function encodeGroupConfig(config: unknown, of: ConfiguredGroup = {}): Uint8Array {
  const message = fromPlainJson(GroupConfigSchema, sorted(config as JsonValue));
  const problem = groupLimitsProblem(message) ?? policiesProblem(message, of);
  if (problem !== null) throw new Error(problem);
  return toBinary(GroupConfigSchema, message);
}

/** The protobuf runtime writes the entries of a map in the order in which it read them. */
function sorted(value: JsonValue): JsonValue {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const entries = Object.entries(value as JsonObject).toSorted(([left], [right]) => compareNames(left, right));
  return Object.fromEntries(entries.map(([key, part]) => [key, sorted(part)]));
}
