// `bailiwick group create NAME --owners a,b,c`: a new resource group.

import type { JsonObject } from "@bufbuild/protobuf";
import { encodeGroupConfig } from "../../../proto/group-config.ts";
import { nameRule } from "../../../proto/ids.ts";
import type { CliCommand } from "../cli-command.ts";
import type { CliDeps } from "../cli-deps.ts";
import { names } from "../cluster-text.ts";
import { exitCodes } from "../exit-codes.ts";
import { readYamlFile } from "../read-input-file.ts";
import { UsageError } from "../usage-error.ts";

interface GroupCreateOptions {
  readonly group: string;
  readonly owners: readonly string[];
  readonly configPath: string | undefined;
  readonly validateOnly: boolean;
}

export const groupCreate: CliCommand<GroupCreateOptions> = {
  name: "create",
  summary: "make a resource group",
  arguments: [["<group>", `name: ${nameRule}`]],
  flags: [
    ["--owners <nodes>", "owner list in order of precedence: two nodes or more, comma-separated"],
    ["--config <file>", "YAML or JSON of its configuration, as under `config:` of a group in cluster.yaml"],
    ["--dry-run", "check and do nothing"],
  ],
  help: `
Needs the quorum of the cluster database. Warnings go to standard error. With -o json: {"header", "group", "warnings"}.

orders.yaml (bailiwick.v1.GroupConfig, every field has a default):
  description: orders database
  lostQuorum: stop

Examples:
  $ bailiwick group create orders --owners n202,n208,n214
  $ bailiwick group create orders --owners n202,n208 --config orders.yaml --dry-run
`,
  isWrite: true,
  parse([group = ""], flags) {
    const owners = flags.names("owners");
    if (owners.length === 0) throw new UsageError("Give --owners, for example --owners n202,n208,n214");
    return { group, owners, configPath: flags.text("config"), validateOnly: flags.isSet("dryRun") };
  },
  async run({ client, output, deps, interrupted }, { group, owners, configPath, validateOnly }) {
    const config = configPath === undefined ? undefined : await readConfig(configPath, deps);
    const answer = await client.createGroup({ group, owners, config, validateOnly }, { signal: interrupted });
    const done = validateOnly ? "Would create" : "Created";
    output.print(answer, () => `${done} ${group} with owners ${names(answer.group.owners)}\n`);
    for (const warning of answer.warnings) output.note(`${output.colours.yellow("warning:")} ${warning}`);
    return exitCodes.ok;
  },
};

/** @throws {UsageError} naming the file, when it cannot be read or is no configuration of a group */
async function readConfig(path: string, deps: CliDeps): Promise<JsonObject> {
  const config = await readYamlFile(path, deps);
  if (typeof config !== "object" || config === null || Array.isArray(config)) {
    throw new UsageError(`${path}: The file must be a map, for example \`lostQuorum: stop\``);
  }
  if ("config" in config) {
    throw new UsageError(`${path}: Write what stands under \`config:\` in cluster.yaml, without \`config:\` itself`);
  }
  try {
    encodeGroupConfig(config);
  } catch (reason) {
    const message = reason instanceof Error ? reason.message : String(reason);
    throw new UsageError(`${path}: The config is refused: ${message.replaceAll("bailiwick.v1.", "")}`);
  }
  return config as JsonObject;
}
