// Config objects: the node keeps them encoded, clients get and send them typed.

import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { groupLimitsProblem } from "../../../proto/codec/group-limits.ts";
import { type ConfiguredGroup, policiesProblem } from "../../../proto/codec/policy-problems.ts";
import { type GroupConfig, GroupConfigSchema } from "../../../proto/gen/bailiwick/v1/group_config_pb.ts";
import { limits } from "../../node/limits.ts";
import { invalid } from "./fields.ts";

/** @param bytes as {@link writeConfig} made them */
export function readConfig(bytes: Uint8Array): GroupConfig {
  return fromBinary(GroupConfigSchema, bytes);
}

/**
 * @param of the group that it is of, as far as it is known
 * @throws {DbError} `invalid_argument` when the encoded config, or a limit or policy in it, exceeds its bounds
 */
export function writeConfig(config: GroupConfig, of: ConfiguredGroup): Uint8Array {
  const problem = groupLimitsProblem(config) ?? policiesProblem(config, of);
  if (problem !== null) throw invalid("config", `The config is refused: ${problem}`);
  const bytes = toBinary(GroupConfigSchema, config);
  if (bytes.byteLength <= limits.configBytesMax) return bytes;
  throw invalid("config", `The config has ${bytes.byteLength} bytes, the limit is ${limits.configBytesMax}`);
}
