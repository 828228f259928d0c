// `bailiwick group list`: the groups of the cluster.

import type { CliCommand } from "../cli-command.ts";
import { groupHead, groupRow, names } from "../cluster-text.ts";
import { exitCodes } from "../exit-codes.ts";

interface GroupListOptions {
  readonly owner: string | undefined;
}

export const groupList: CliCommand<GroupListOptions> = {
  name: "list",
  summary: "list resource groups",
  arguments: [],
  flags: [["--owner <node>", "only groups that have this node in their owner list"]],
  help: `
Groups that could not be asked are named on standard error; what is shown of them is what the directory knows. With -o json:
{"header", "groups", "unreachable"}.

Examples:
  $ bailiwick group list
  $ bailiwick group list --owner n208 -o json
`,
  isWrite: false,
  parse: (_, flags) => ({ owner: flags.text("owner") }),
  async run({ client, output, interrupted }, { owner }) {
    const { header, groups, unreachable } = await client.groups({ owner, signal: interrupted });
    const { colours } = output;
    output.print({ header, groups, unreachable }, () =>
      output.rows(
        groupHead,
        groups.map((group) => groupRow(group, colours)),
      ),
    );
    if (unreachable.length > 0) output.note(`did not answer: ${names(unreachable)}`);
    return exitCodes.ok;
  },
};
