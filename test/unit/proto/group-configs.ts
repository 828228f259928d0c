// Config objects of groups for the tests of what is read from them.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { toBinary } from "@bufbuild/protobuf";
import { parse } from "yaml";
import { type GroupConfig, GroupConfigSchema } from "../../../proto/gen/bailiwick/v1/group_config_pb.ts";
import { fromPlainJson } from "../../../proto/plain-json.ts";

/** @param yaml as people write it */
export function configOf(yaml: string): GroupConfig {
  return fromPlainJson(GroupConfigSchema, parse(yaml) ?? {});
}

/** Unchecked. */
export function bytesOf(yaml: string): Uint8Array {
  return toBinary(GroupConfigSchema, configOf(yaml));
}

/** The example in the comment of GroupConfig. */
export function documentedConfig(): string {
  const path = join(import.meta.dirname, "../../../proto/bailiwick/v1/group_config.proto");
  const lines = readFileSync(path, "utf8").split("\n");
  const example = lines.slice(lines.indexOf("//         config:") + 1);
  const indent = "//           ";
  return example
    .slice(
      0,
      example.findIndex((line) => !line.startsWith(indent)),
    )
    .map((line) => line.slice(indent.length))
    .join("\n");
}
