// A config object that somebody has written, held against what only the cluster knows too: who is a node of it.

import type { ConfiguredGroup } from "../../../proto/codec/policy-problems.ts";
import type { GroupConfig } from "../../../proto/gen/bailiwick/v1/group_config_pb.ts";
import type { CallContext } from "../call-context.ts";
import { writeConfig } from "../convert/configs.ts";

/** @throws {DbError} as {@link writeConfig} */
export async function checkedConfig(
  config: GroupConfig,
  of: ConfiguredGroup,
  context: CallContext,
): Promise<Uint8Array> {
  const policy = config.quorum?.policy;
  if (policy?.case !== "witness" || policy.value.node === "") return writeConfig(config, of);
  const { nodes } = await context.ask({ type: "directory" });
  return writeConfig(config, { ...of, nodes: nodes.map(({ node }) => node) });
}
