// `bailiwick group set-owners NAME a b c`: another owner list, online.

import type { CliCommand } from "../cli-command.ts";
import { names } from "../cluster-text.ts";
import { exitCodes } from "../exit-codes.ts";
import { UsageError } from "../usage-error.ts";

interface GroupSetOwnersOptions {
  readonly group: string;
  readonly owners: readonly string[];
  readonly ifConfigurationIndex: number | undefined;
  readonly validateOnly: boolean;
}

export const groupSetOwners: CliCommand<GroupSetOwnersOptions> = {
  name: "set-owners",
  summary: "change the owner list of a group",
  arguments: [
    ["<group>", "resource group"],
    ["<owners...>", "the whole list in order of precedence: two nodes or more, separated by blanks or commas"],
  ],
  flags: [
    ["--if-index <n>", "only if the group's configurationIndex is this"],
    ["--dry-run", "check and do nothing"],
  ],
  help: `
Adds, removes, replaces and reorders any number of owners at once, while the group serves. New owners are brought up first;
the answer comes when the new list is in force, so give large groups a longer --timeout. Needs the group's quorum, not the
cluster's. With -o json: {"header", "group", "warnings"}.

Examples:
  $ bailiwick group set-owners orders n204 n208 n214
  $ bailiwick group set-owners orders n208,n204,n214 --if-index 41 --timeout 1m
`,
  isWrite: true,
  parse([group = "", ...lists], flags) {
    const owners = lists.flatMap((list) => list.split(",")).map((owner) => owner.trim());
    if (owners.includes(""))
      throw new UsageError(`The owners ${JSON.stringify(lists.join(" "))} are not node[,node...]`);
    const ifConfigurationIndex = flags.integer("ifIndex", { min: 0 });
    return { group, owners, ifConfigurationIndex, validateOnly: flags.isSet("dryRun") };
  },
  async run({ client, output, interrupted }, { group, owners, ifConfigurationIndex, validateOnly }) {
    const change = { group, owners, ifConfigurationIndex, validateOnly };
    const answer = await client.setGroupOwners(change, { signal: interrupted });
    const text = validateOnly ? `Would set the owners of ${group} to` : `The owners of ${group} are`;
    output.print(answer, () => `${text} ${names(validateOnly ? owners : answer.group.owners)}\n`);
    for (const warning of answer.warnings) output.note(`${output.colours.yellow("warning:")} ${warning}`);
    return exitCodes.ok;
  },
};
